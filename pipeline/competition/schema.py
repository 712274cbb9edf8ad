"""The competition's labels, discourse types, columns and files (standard library only)."""

from typing import Final

LABELS: Final = ("Ineffective", "Adequate", "Effective")
TYPES: Final = (
    "Lead",
    "Position",
    "Claim",
    "Counterclaim",
    "Rebuttal",
    "Evidence",
    "Concluding Statement",
)

# Kaggle's columns.
ELEMENT_ID: Final = "discourse_id"
ESSAY_ID: Final = "essay_id"
ELEMENT_TEXT: Final = "discourse_text"
ELEMENT_TYPE: Final = "discourse_type"
LABEL_NAME: Final = "discourse_effectiveness"
TYPE_NUMBER: Final = "discourse_type_num"  # the sister competition's "Claim 2"; optional

TEST_COLUMNS: Final = (ELEMENT_ID, ESSAY_ID, ELEMENT_TEXT, ELEMENT_TYPE)
TRAIN_COLUMNS: Final = (*TEST_COLUMNS, LABEL_NAME)
SUBMISSION_COLUMNS: Final = (ELEMENT_ID, *LABELS)

# Kaggle's files, relative to `data.source`; the essays stand in the folders train/ and test/.
TABLES: Final = {"train": "train.csv", "test": "test.csv"}
SAMPLE_SUBMISSION: Final = "sample_submission.csv"

# Columns of the cleaned tables beside Kaggle's ids, text and type.
START: Final = "start"  # character span in the cleaned essay; -1 where the element was not found
END: Final = "end"
LABEL: Final = "label"  # index into LABELS; -1 where there is none
TEXT: Final = "text"
FOLD: Final = "fold"

ELEMENT_COLUMNS: Final = (*TEST_COLUMNS, START, END, LABEL)
ESSAY_COLUMNS: Final = (ESSAY_ID, TEXT)
ELEMENTS_FILE: Final = "elements.parquet"
ESSAYS_FILE: Final = "essays.parquet"
ORDER_FILE: Final = "order.parquet"
