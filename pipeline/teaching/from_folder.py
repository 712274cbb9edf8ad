"""Soft labels of a folder's essays, by each fold of a teacher."""

import dataclasses
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.inference.folds import Predicted, predict_folds
from pipeline.teaching.by_fold import Lesson, teach
from pipeline.units import Unit


def teach_folder(
    student: str,
    teacher: str,
    encoder: str,
    settings: params.Predict,
    trained: Sequence[Unit],
) -> Predicted:
    """Write the soft labels of a folder's essays for one model.

    Args:
      student: the model that learns.
      teacher: the model that predicts.
      encoder: the name of the teacher's network.
      settings: of the teacher's prediction; every fold predicts, also where a test is predicted by
        the full fit alone.
      trained: the units of the teacher.

    Returns:
      The teacher's predictions.

    Raises:
      UserError: the windows, a fold's weights or what its training left are missing.
    """
    essays = paths.unlabelled(student, "teacher")
    settings = dataclasses.replace(settings, full_alone=False)
    made = predict_folds(teacher, encoder, settings, trained, essays)
    lesson = Lesson(
        teacher=teacher,
        element_ids=made.element_ids,
        windows=paths.unlabelled(student, "student"),
        rows=made.rows,
        where=essays,
    )
    teach(student, lesson, [unit for unit in trained if not unit.full])
    return made
