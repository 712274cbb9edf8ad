"""A toy competition: is a passage of a review vague or precise?"""

from typing import Final

from pipeline.task import Task

LABELS: Final = ("Vague", "Precise")

# The token that opens an element of each type, in the order in which a vocabulary gets them.
MARKERS: Final = {
    "Praise": "[PLUS]",
    "Complaint": "[MINUS]",
    "Plain advice": "[ADVICE]",
}
TYPES: Final = tuple(MARKERS)

# Kaggle's columns.
ELEMENT_ID: Final = "passage"
ESSAY_ID: Final = "review"
ELEMENT_TEXT: Final = "words"
ELEMENT_TYPE: Final = "kind"
LABEL_NAME: Final = "verdict"
TYPE_NUMBER: Final = ""  # there is none

TEST_COLUMNS: Final = (ELEMENT_ID, ESSAY_ID, ELEMENT_TEXT, ELEMENT_TYPE)
TRAIN_COLUMNS: Final = (*TEST_COLUMNS, LABEL_NAME)
SUBMISSION_COLUMNS: Final = (ELEMENT_ID, *LABELS)

# Kaggle's files, relative to `data.source`; the reviews stand in the folders train/ and test/.
TABLES: Final = {"train": "known.csv", "test": "asked.csv"}
SAMPLE_SUBMISSION: Final = "form.csv"

TASK: Final = Task(
    labels=LABELS,
    markers=MARKERS,
    id_column=ELEMENT_ID,
    essay_column=ESSAY_ID,
    type_column=ELEMENT_TYPE,
    text_column=ELEMENT_TEXT,
)
