"""Soft labels of the competition's test essays, of which every model has predictions anyway."""

from collections.abc import Sequence

from pipeline import paths
from pipeline.tables.elements import read_test_ids
from pipeline.tables.predictions import read_predictions
from pipeline.teaching.apart import check_apart, read_texts
from pipeline.teaching.by_fold import Lesson, teach
from pipeline.units import Unit


def teach_test(student: str, teacher: str, trained: Sequence[Unit]) -> int:
    """Write the soft labels of the test essays for one model; return the number of elements.

    Args:
      student: the model that learns.
      teacher: the model whose test predictions are taken.
      trained: the units of every model.

    Raises:
      UserError: the teacher's tables are missing or lack a fold, or a test essay is a labelled one.
    """
    essays, table = paths.clean("test"), paths.test(teacher)
    element_ids = read_test_ids()
    check_apart(read_texts(essays), element_ids, essays)
    lesson = Lesson(
        teacher=teacher,
        element_ids=element_ids,
        windows=paths.tokens(student, "test"),
        rows=read_predictions(table),
        where=table,
    )
    return teach(student, lesson, trained)
