"""The stacker: boosted trees beside the pool, both judged on essays that neither has seen.

Trees find what no pool can: an element is likely to be as good as those around it. They are rough
where the pool is exact, so that the two are blended by a log-linear pool of their own.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Int

from pipeline import params
from pipeline.evaluation import pools
from pipeline.evaluation.pools import Weights
from pipeline.evaluation.stacker_features import features
from pipeline.evaluation.surroundings import Surroundings
from pipeline.members.boosting import fit_trees
from pipeline.members.trees import Trees

Members = Float[np.ndarray, "rows members labels"]
Rows = Float[np.ndarray, "rows labels"]


@dataclass(frozen=True)
class PoolAndTrees:
    """A pool and the trees that were fitted with it."""

    pool: Weights
    trees: Trees

    def predict(self, members: Members, around: Surroundings) -> Float[np.ndarray, "rows 2 labels"]:
        """Return the probabilities of the pool and of the trees; essays have to be whole."""
        pooled = pools.pool(self.pool, members)
        trees = self.trees.predict(_matrix(self.pool, members, pooled, around))
        return np.stack([pooled, trees], axis=1)


@dataclass(frozen=True)
class Stacker:
    """Pool and trees, and the weights and biases of their blend."""

    beside: PoolAndTrees
    blend: Weights

    def predict(self, members: Members, around: Surroundings) -> Rows:
        """Return the probabilities of elements; an element is seen among those that are given."""
        return pools.pool(self.blend, self.beside.predict(members, around))


@dataclass(frozen=True)
class Stacked:
    """A stacker over all rows.

    Attributes:
      fitted: on all rows; the blend's weights on rows that its parts have not seen.
      held: each essay by parts and blend that were fitted on others.
    """

    fitted: Stacker
    held: Rows


def fit_parts(
    ensemble: params.Ensemble,
    settings: params.Stacker,
    members: Members,
    labels: Int[np.ndarray, " rows"],
    around: Surroundings,
) -> PoolAndTrees:
    """Fit the pool, and trees that see its logits; essays have to be whole."""
    fitted = pools.fit(ensemble.pool, members, labels, ensemble.ridge, ensemble.drop)
    matrix = _matrix(fitted, members, pools.pool(fitted, members), around)
    return PoolAndTrees(fitted, fit_trees(settings, matrix, labels, ensemble.seed))


def stacked(
    ensemble: params.Ensemble,
    settings: params.Stacker,
    members: Members,
    labels: Int[np.ndarray, " rows"],
    split: Int[np.ndarray, " rows"],
    around: Surroundings,
) -> Stacked:
    """Fit the stacker on all rows and nested.

    The weights of the blend have to come from predictions of essays that pool and trees have not
    seen, and the whole has to be judged on a further part of the split. A fit without two parts of
    the split serves for both: it predicts either of them where the blend for the other is fitted.
    So with five parts there are 10 fits without two, 5 without one and one of all.

    Args:
      ensemble: settings of the pool.
      settings: of the trees.
      members: their out-of-fold probabilities.
      labels: the true classes.
      split: the nested part of each row, three or more; see `nested_split`.
      around: the elements in their essays.
    """

    def fitted(rows: Bool[np.ndarray, " rows"]) -> PoolAndTrees:
        return fit_parts(ensemble, settings, members[rows], labels[rows], around.select(rows))

    def predicted(
        parts: PoolAndTrees, rows: Bool[np.ndarray, " rows"]
    ) -> Float[np.ndarray, "some 2 labels"]:
        return parts.predict(members[rows], around.select(rows))

    numbers = np.unique(split)
    # By the part that is judged: what its blend is fitted on. Its own rows stay empty.
    inner = {number: np.full((len(labels), 2, members.shape[2]), np.nan) for number in numbers}
    for one, other in combinations(numbers, 2):
        parts = fitted((split != one) & (split != other))
        for judged, seen in ((one, other), (other, one)):
            inner[judged][split == seen] = predicted(parts, split == seen)
    outer = np.empty((len(labels), 2, members.shape[2]))
    held = np.empty((len(labels), members.shape[2]))
    for number in numbers:
        own = split == number
        outer[own] = predicted(fitted(~own), own)
        blend = _blend(inner[number][~own], labels[~own], ensemble.ridge)
        held[own] = pools.pool(blend, outer[own])
    whole = fitted(np.ones(len(labels), bool))
    return Stacked(Stacker(whole, _blend(outer, labels, ensemble.ridge)), held)


def _blend(
    both: Float[np.ndarray, "rows 2 labels"], labels: Int[np.ndarray, " rows"], ridge: float
) -> Weights:
    return pools.fit("loglinear", both, labels, ridge)


def _matrix(
    fitted: Weights, members: Members, pooled: Rows, around: Surroundings
) -> Float[np.ndarray, "rows columns"]:
    """Make the trees' matrix of the pool and the members that have a weight in it."""
    used = fitted.weights != 0.0
    return features(pools.logarithms(pooled), pools.logarithms(members[:, used]), around)
