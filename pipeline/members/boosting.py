"""Gradient boosting by scikit-learn, whose trees are taken out as arrays.

LightGBM would do as well, and starts from given logits, but it is one more compiled dependency that
the image of Kaggle has in a version of its own. Arrays need none of the two to predict.
"""

from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from pipeline import params
from pipeline.competition.schema import LABELS
from pipeline.members.trees import Trees

# Steps of a column that a split can stand at. More than so many took longer and gained nothing.
_BINS = 63
# Columns that each split chooses from. Most are members that are alike.
_SHARE = 0.3
# The logit of a label that no row has.
_ABSENT = -20.0


def fit_trees(
    settings: params.Boosting,
    matrix: Float[np.ndarray, "rows columns"],
    labels: Int[np.ndarray, " rows"],
    seed: int,
) -> Trees:
    """Fit trees to the least log loss.

    It runs on one thread: sums of gradients depend on the number of threads in their last bits.
    """
    # Its stubs know early_stopping as a text alone.
    model = cast(Any, HistGradientBoostingClassifier)(
        learning_rate=settings.rate,
        max_iter=settings.rounds,
        max_leaf_nodes=settings.leaves,
        min_samples_leaf=settings.rows_per_leaf,
        max_features=_SHARE,
        max_bins=_BINS,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):
        model.fit(matrix, labels)
    return _taken_out(model)


def _taken_out(model: Any) -> Trees:
    """Copy the trees of a fitted model; its attributes have no public name."""
    known = model.classes_.tolist()
    trees = [
        (known[-1] if len(known) == 2 else known[k], tree.nodes)
        for iteration in model._predictors
        for k, tree in enumerate(iteration)
    ]
    sizes = [len(nodes) for _, nodes in trees]
    roots = np.cumsum([0, *sizes])[:-1]
    nodes = np.concatenate([nodes for _, nodes in trees])
    offset = np.repeat(roots, sizes)
    leaf = nodes["is_leaf"].astype(bool)
    base = np.asarray(model._baseline_prediction, np.float64).reshape(-1)
    start = np.full(len(LABELS), _ABSENT)
    start[known] = [0.0, base[0]] if len(known) == 2 else base
    return Trees(
        roots=roots.astype(np.int32),
        outputs=np.array([label for label, _ in trees], np.int8),
        features=np.where(leaf, -1, nodes["feature_idx"]).astype(np.int32),
        thresholds=np.where(leaf, 0.0, nodes["num_threshold"]),
        left=np.where(leaf, 0, nodes["left"] + offset).astype(np.int32),
        right=np.where(leaf, 0, nodes["right"] + offset).astype(np.int32),
        missing_left=nodes["missing_go_to_left"].astype(bool),
        values=np.where(leaf, nodes["value"], 0.0),
        start=start,
    )
