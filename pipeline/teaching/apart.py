"""Labelled and unlabelled essays kept apart: none is both, by its ids or by its text."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE, TEXT
from pipeline.competition.schema import ELEMENT_ID, ESSAY_ID
from pipeline.errors import UserError
from pipeline.tables.columns import Columns


def check_apart(unlabelled: Mapping[str, str], element_ids: Sequence[str], where: Path) -> None:
    """Hold unlabelled essays to the labelled ones.

    Args:
      unlabelled: their clean texts by id; how they are spaced doesn't count.
      element_ids: of their elements.
      where: they come from, for messages.

    Raises:
      UserError: one of them is labelled.
    """
    labelled = paths.clean("train")
    known = {essay: _words(text) for essay, text in read_texts(labelled).items()}
    by_text = {text: essay for essay, text in known.items()}
    for essay, text in unlabelled.items():
        if essay in known:
            raise UserError(f"{where}: essay {essay!r} is in {labelled} too, with its labels")
        if _words(text) in by_text:
            raise UserError(
                f"{where}: essay {essay!r} has the text of {by_text[_words(text)]!r} in "
                f"{labelled}, which is labelled"
            )
    elements = set(Columns(labelled / ELEMENTS_FILE, [ELEMENT_ID]).strings(ELEMENT_ID))
    for element in element_ids:
        if element in elements:
            raise UserError(
                f"{where}: {ELEMENT_ID} {element!r} is in {labelled} too, with its label"
            )


def read_texts(folder: Path) -> dict[str, str]:
    """Read clean essays' texts by their ids.

    Raises:
      UserError: the table is missing.
    """
    essays = Columns(folder / ESSAYS_FILE, [ESSAY_ID, TEXT])
    return dict(zip(essays.strings(ESSAY_ID), essays.strings(TEXT), strict=True))


def _words(text: str) -> str:
    return " ".join(text.split())
