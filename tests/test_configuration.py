"""A configuration's sections, and what of them is written."""

from pipeline import params
from pipeline.configuration import written
from tests.configurations import DEFAULT, section


def test_what_is_off_is_not_written():
    assert written(section(params.Train)) == DEFAULT["models"]["tiny"]["train"]


def test_what_is_on_is_written():
    dropout = section(params.Dropout, attention=0.0)
    train = section(params.Train, label_smoothing=0.1, dropout=dropout)
    tree = DEFAULT["models"]["tiny"]["train"]
    assert written(train) == tree | {"label_smoothing": 0.1, "dropout": {"attention": 0.0}}
