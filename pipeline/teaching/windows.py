"""A folder's essays as token windows, for a model that learns from them and for its teacher."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline import params, paths
from pipeline.competition.essays import write_clean
from pipeline.competition.further import clean_further
from pipeline.competition.schema import ELEMENT_ID, TASK
from pipeline.files import atomic_folder
from pipeline.inputs.corpus import write_tokens
from pipeline.teaching.apart import check_apart, read_texts
from pipeline.topics import clustering
from pipeline.topics.table import CLUSTERING


def write_windows(
    student: str,
    options: params.Unlabelled,
    cleaning: params.Clean,
    inputs: Mapping[str, params.Inputs],
) -> Mapping[str, int]:
    """Check, clean and tokenize the essays of a folder.

    Args:
      student: the model that is to learn from them.
      options: names the folder and the teacher.
      cleaning: of the competition's essays.
      inputs: of the student and of the teacher, by the model's name.

    Returns:
      The counts of the student's windows, as `write_tokens` gives them.

    Raises:
      UserError: the first mistake in the files, an essay is labelled, or an input is missing.
    """
    folder = Path(options.essays)
    made = clean_further(folder, f"unlabelled.{student}.essays", cleaning)
    readers = {"student": student, "teacher": options.teacher}
    counts: dict[str, Mapping[str, int]] = {}
    with TemporaryDirectory() as place, atomic_folder(paths.unlabelled(student)) as out:
        clean = Path(place) / "unlabelled"
        clean.mkdir()
        write_clean(clean, made)
        texts = read_texts(clean)
        check_apart(texts, made.elements[ELEMENT_ID].tolist(), folder)
        for reader, model in readers.items():
            topics = _topics(inputs[model].topic, texts)
            backbone = paths.backbone(model)
            counts[reader] = write_tokens(
                clean, backbone, out / reader, inputs[model], TASK, topics
            )
    return counts["student"]


def _topics(name: str | None, texts: Mapping[str, str]) -> dict[str, str]:
    """Place essays among the topics that were found in the competition's."""
    if name is None:
        return {}
    fitted = clustering.load(paths.topics(name) / CLUSTERING)
    return dict(zip(texts, fitted.describe(list(texts.values())), strict=True))
