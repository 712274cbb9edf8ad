"""Who teaches whom in a configuration, and checks of it."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.mistakes import nearest
from pipeline.params import Parameters


class Teaching(NamedTuple):
    """Where a model's soft labels come from.

    Attributes:
      stage: that makes them.
      teacher: the model whose predictions they are.
    """

    stage: str
    teacher: str


def students(parameters: Parameters) -> dict[str, Teaching]:
    """Return the models that learn from soft labels, each with its teacher."""
    stages = {"pseudo": parameters.pseudo, "teach": parameters.unlabelled}
    return {
        name: Teaching(stage, options.teacher)
        for stage, section in stages.items()
        for name, options in section.items()
    }


def teacher_faults(parameters: Parameters) -> Iterator[str]:
    """Find soft labels that nobody makes or nobody learns from, and circles of teachers."""
    both = sorted(parameters.pseudo.keys() & parameters.unlabelled.keys())
    for name in both:
        yield (
            f"unlabelled.{name}: pseudo.{name} is there too; expected one of them, since a model "
            "has one set of soft labels"
        )
    sections = {"pseudo": parameters.pseudo, "unlabelled": parameters.unlabelled}
    lessons = {
        f"{section}.{name}": (name, options.teacher)
        for section, entries in sections.items()
        for name, options in entries.items()
    }
    teachers = dict(lessons.values())
    models = parameters.models
    for name, model in models.items():
        if model.train.soft_labels != "none" and name not in teachers:
            yield (
                f"models.{name}.train.soft_labels: {model.train.soft_labels}, but no "
                f"pseudo.{name} or unlabelled.{name} that names a teacher"
            )
    for where, (name, teacher) in lessons.items():
        if name not in models:
            yield f"{where}: no {name!r} in models{nearest(name, models)}"
        elif models[name].train.soft_labels == "none":
            yield f"{where}: models.{name}.train.soft_labels: found none; expected alone or both"
        if teacher not in models:
            yield f"{where}.teacher: no model {teacher!r}{nearest(teacher, models)}"
        elif models[teacher].train.select == "best":
            why = "train.select: best, so held-out labels chose its weights; expected last"
            yield f"{where}.teacher: {teacher} has {why}"
        met = [name]
        while teacher in teachers and teacher not in met:
            met.append(teacher)
            teacher = teachers[teacher]
        if teacher == name:
            yield f"{where}.teacher: {' learns from '.join([*met, name])}; expected another teacher"
    for name, options in parameters.pseudo.items():
        teacher = models.get(options.teacher)
        if teacher is not None and teacher.predict.full_alone:
            yield (
                f"pseudo.{name}.teacher: models.{options.teacher}.predict.full_alone leaves no "
                "fold's own predictions of the test; expected it off"
            )
