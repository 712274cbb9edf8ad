"""The baseline's features of an element beside words: type, lengths, position, neighbours."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline import paths
from pipeline.clean_tables import ELEMENTS_FILE, ESSAYS_FILE, TEXT
from pipeline.competition.schema import ELEMENT_ID, ELEMENT_TEXT, ELEMENT_TYPE, ESSAY_ID, TYPES
from pipeline.tables.columns import Columns


@dataclass(frozen=True)
class Texts:
    """A split's clean texts; `essay` is the row of each element's essay in `essays`."""

    element_ids: list[str]
    types: list[str]
    elements: list[str]
    essay: Int[np.ndarray, " elements"]
    essays: list[str]


@dataclass(frozen=True)
class Measures:
    """Elements without their words: kind, numbers and make-up; `essay` numbers their essays."""

    essay: Int[np.ndarray, " elements"]
    kinds: Float[np.ndarray, "elements types"]
    numbers: Float[np.ndarray, "elements numbers"]


def measures(texts: Texts) -> Measures:
    """Measure texts."""
    beside = np.concatenate([numbers(texts), makeup(texts)], axis=1)
    return Measures(texts.essay, kinds(texts), beside)


def read_texts(split: str) -> Texts:
    """Read the clean elements and essays of `train` or `test`."""
    folder = paths.clean(split)
    elements = Columns(folder / ELEMENTS_FILE, [ELEMENT_ID, ESSAY_ID, ELEMENT_TYPE, ELEMENT_TEXT])
    essays = Columns(folder / ESSAYS_FILE, [ESSAY_ID, TEXT])
    index = {essay: i for i, essay in enumerate(essays.strings(ESSAY_ID))}
    return Texts(
        element_ids=elements.strings(ELEMENT_ID),
        types=elements.strings(ELEMENT_TYPE),
        elements=elements.strings(ELEMENT_TEXT),
        essay=np.array([index[essay] for essay in elements.strings(ESSAY_ID)], np.int64),
        essays=essays.strings(TEXT),
    )


def numbers(texts: Texts) -> Float[np.ndarray, "elements 11"]:
    """Measure lengths, position and counts of each element, on scales that a line can follow.

    The squares let the effect of a length level off. An element's share of its essay, the elements
    of its type in the essay and the essay's paragraphs are further features of Kaggle's baselines.
    """
    words = np.array([len(text.split()) for text in texts.elements], float)
    letters = np.array([len(text) for text in texts.elements], float)
    essay_words = np.array([len(text.split()) for text in texts.essays], float)[texts.essay]
    paragraphs = np.array([_paragraphs(text) for text in texts.essays], float)[texts.essay]
    position, count = _positions(texts.essay)
    kinds = list(zip(texts.essay.tolist(), texts.types, strict=True))
    of_kind = Counter(kinds)
    same = np.array([of_kind[kind] for kind in kinds], float)
    return np.stack(
        [
            np.log1p(words),
            np.log1p(words) ** 2,
            np.log1p(letters),
            np.log1p(letters / np.maximum(words, 1.0)),
            np.log1p(essay_words),
            np.log1p(essay_words) ** 2,
            words / np.maximum(essay_words, 1.0),
            position / np.maximum(count - 1.0, 1.0),
            np.log1p(count),
            np.log1p(same),
            np.log1p(paragraphs),
        ],
        axis=1,
    )


def makeup(texts: Texts) -> Float[np.ndarray, "elements makeup"]:
    """Measure the make-up of each element's essay: elements by type, and the place among them.

    Beside the numbers of each type stand the elements of the same type before, the element's place,
    their count, the share of the essay that elements cover, and the element's length by their mean.
    """
    kind = kinds(texts)
    by_essay = np.zeros((len(texts.essays), kind.shape[1]))
    np.add.at(by_essay, texts.essay, kind)
    seen: Counter[tuple[int, str]] = Counter()
    before = np.empty(len(kind))
    for i, key in enumerate(zip(texts.essay.tolist(), texts.types, strict=True)):
        before[i] = seen[key]
        seen[key] += 1
    position, count = _positions(texts.essay)
    words = np.array([len(text.split()) for text in texts.elements], float)
    covered = np.bincount(texts.essay, weights=words, minlength=len(texts.essays))
    essay_words = np.array([len(text.split()) for text in texts.essays], float)
    share = (covered / np.maximum(essay_words, 1.0))[texts.essay]
    relative = np.log1p(words) - np.log1p(covered[texts.essay] / count)
    others = np.stack([before, position, count, share, relative], axis=1)
    return np.concatenate([by_essay[texts.essay], others], axis=1)


def neighbours(
    essay: Int[np.ndarray, " elements"], values: Float[np.ndarray, "elements values"]
) -> Float[np.ndarray, "elements around"]:
    """Return the values of the element before and of that behind, and the mean of the essay's.

    Where an essay begins or ends the values of the neighbour that is not there are 0.
    """
    order = np.argsort(essay, kind="stable")
    same = (essay[order][1:] == essay[order][:-1])[:, None]
    before, behind = np.zeros_like(values), np.zeros_like(values)
    before[order[1:]] = values[order[:-1]] * same
    behind[order[:-1]] = values[order[1:]] * same
    sums = np.zeros((essay.max(initial=-1) + 1, values.shape[1]))
    np.add.at(sums, essay, values)
    means = sums / np.maximum(np.bincount(essay, minlength=len(sums)), 1)[:, None]
    return np.concatenate([before, behind, means[essay]], axis=1)


def kinds(texts: Texts) -> Float[np.ndarray, "elements types"]:
    """Return a column for each type, 1 for the elements of the type and 0 for others."""
    index = {kind: i for i, kind in enumerate(TYPES)}
    return np.eye(len(TYPES))[[index[kind] for kind in texts.types]]


def _paragraphs(text: str) -> int:
    return sum(1 for line in text.splitlines() if line.strip())


def _positions(
    essay: Int[np.ndarray, " elements"],
) -> tuple[Float[np.ndarray, " elements"], Float[np.ndarray, " elements"]]:
    """Return the place of each element in its essay, from 0, and the number of elements there."""
    seen: Counter[int] = Counter()
    position = np.empty(len(essay))
    for i, e in enumerate(essay.tolist()):
        position[i] = seen[e]
        seen[e] += 1
    return position, np.array([seen[e] for e in essay.tolist()], float)
