"""The clean tables: the columns and files that are the same for every competition."""

from typing import Final

# Of elements.
START: Final = "start"  # character span in the cleaned essay; -1 where the element was not found
END: Final = "end"
LABEL: Final = "label"  # index into the task's labels; -1 where there is none

# Of essays.
TEXT: Final = "text"
FOLD: Final = "fold"

ELEMENTS_FILE: Final = "elements.parquet"
ESSAYS_FILE: Final = "essays.parquet"
ORDER_FILE: Final = "order.parquet"  # the ids of the submission
