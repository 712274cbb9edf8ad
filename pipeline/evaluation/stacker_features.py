"""The matrix of a stacker: a pool's logits, its members', and what stands around the element.

Every feature comes from an element's own essay, so a split by essay leaks nothing.
"""

import numpy as np
from jaxtyping import Float, Int

from pipeline.competition.schema import TYPES
from pipeline.evaluation.surroundings import Surroundings

Rows = Float[np.ndarray, "rows columns"]

# Neighbours that are looked at, by their distance in elements.
_STEPS = (-1, 1, -2, 2)


def features(
    pooled: Float[np.ndarray, "rows labels"],
    logs: Float[np.ndarray, "rows members labels"],
    around: Surroundings,
) -> Rows:
    """Describe each element by predictions of itself and its neighbours, and by its place.

    The columns are logits of the pool, the mean and the spread of the members' logits, the pool's
    logits of the two elements before and behind, their mean and spread in the essay and their mean
    over its elements of the type; types of the element and its neighbours, position, lengths, and
    the essay's elements of each type; last the members' own logits. What is not there is NaN.

    Args:
      pooled: log probabilities of the pool.
      logs: the members' log probabilities.
      around: the elements in their essays.
    """
    order = np.lexsort((around.places, around.essays))
    ordered = around.select(order)
    own, members = _centred(pooled[order]), _centred(logs[order])
    essays = np.unique(ordered.essays, return_inverse=True)[1]
    kinds = ordered.kinds.astype(np.float64)[:, None]
    in_essay = _means(own, essays)
    spread = np.sqrt(np.maximum(_means(own**2, essays) - in_essay**2, 0.0))
    matrix = np.concatenate(
        [
            own,
            members.mean(axis=1),
            members.std(axis=1),
            *(_beside(own, essays, step) for step in _STEPS),
            in_essay,
            spread,
            _means(own, essays * len(TYPES) + ordered.kinds),
            kinds,
            *(_beside(kinds, essays, step) for step in _STEPS[:2]),
            _places(ordered, essays),
            # The logits of a row sum to 0, so the last one tells nothing more.
            members[:, :, :-1].reshape(len(order), -1),
        ],
        axis=1,
    )
    out = np.empty_like(matrix)
    out[order] = matrix
    return out


def _centred(logs: Float[np.ndarray, "*rows labels"]) -> Float[np.ndarray, "*rows labels"]:
    """Return logits about their mean, so that each row has one form."""
    return logs - logs.mean(axis=-1, keepdims=True)


def _means(values: Rows, groups: Int[np.ndarray, " rows"]) -> Rows:
    """Return for each row the mean of its group."""
    sizes = np.maximum(np.bincount(groups), 1)
    sums = np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)
    return (sums / sizes[:, None])[groups]


def _beside(values: Rows, essays: Int[np.ndarray, " rows"], step: int) -> Rows:
    """Return the values of the row `step` further, NaN where another essay begins."""
    there = np.arange(len(values)) + step
    inside = (there >= 0) & (there < len(values))
    inside[inside] = essays[there[inside]] == essays[inside]
    out = np.full(values.shape, np.nan)
    out[inside] = values[there[inside]]
    return out


def _places(around: Surroundings, essays: Int[np.ndarray, " rows"]) -> Rows:
    """Return position, lengths and counts of rows in reading order, essay after essay."""
    sizes = np.bincount(essays)
    place = np.arange(len(essays)) - (np.cumsum(sizes) - sizes)[essays]
    count = sizes[essays]
    onehot = np.eye(len(TYPES))[around.kinds]
    of_kind = _means(onehot, essays) * count[:, None]
    words = np.bincount(essays, weights=around.words)[essays]
    columns = np.stack(
        [
            place,
            count - 1 - place,
            place / np.maximum(count - 1, 1),
            count,
            around.words,
            words,
            around.words / np.maximum(words, 1.0),
        ],
        axis=1,
    )
    return np.concatenate([columns, of_kind.round()], axis=1)
