"""The competition's labels, types, columns and files (standard library only)."""

from typing import Final

from pipeline.task import Task

LABELS: Final = ("Ineffective", "Adequate", "Effective")

# The token that opens an element of each type, in the order in which a vocabulary gets them.
MARKERS: Final = {
    "Lead": "[LEAD]",
    "Position": "[POSITION]",
    "Claim": "[CLAIM]",
    "Counterclaim": "[COUNTERCLAIM]",
    "Rebuttal": "[REBUTTAL]",
    "Evidence": "[EVIDENCE]",
    "Concluding Statement": "[CONCLUSION]",
}
TYPES: Final = tuple(MARKERS)

# Kaggle's columns.
ELEMENT_ID: Final = "discourse_id"
ESSAY_ID: Final = "essay_id"
ELEMENT_TEXT: Final = "discourse_text"
ELEMENT_TYPE: Final = "discourse_type"
LABEL_NAME: Final = "discourse_effectiveness"
TYPE_NUMBER: Final = "discourse_type_num"  # the sister competition's "Claim 2"; may be absent

TEST_COLUMNS: Final = (ELEMENT_ID, ESSAY_ID, ELEMENT_TEXT, ELEMENT_TYPE)
TRAIN_COLUMNS: Final = (*TEST_COLUMNS, LABEL_NAME)
SUBMISSION_COLUMNS: Final = (ELEMENT_ID, *LABELS)

# Kaggle's files, relative to `data.source`; the essays stand in the folders train/ and test/.
TABLES: Final = {"train": "train.csv", "test": "test.csv"}
SAMPLE_SUBMISSION: Final = "sample_submission.csv"

TASK: Final = Task(
    labels=LABELS,
    markers=MARKERS,
    id_column=ELEMENT_ID,
    essay_column=ESSAY_ID,
    type_column=ELEMENT_TYPE,
    text_column=ELEMENT_TEXT,
)
