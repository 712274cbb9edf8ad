"""Boosted trees as plain arrays, walked by numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import softmax

from pipeline.competition.schema import LABELS
from pipeline.members.arrays import rebuild, write_arrays


@dataclass(frozen=True)
class Trees:
    """Trees whose leaves add to the logit of one label each; nodes of all stand in one row.

    Attributes:
      roots: the node at which each tree begins.
      outputs: the label of each tree.
      features: the column that a node looks at; -1 in a leaf.
      thresholds: values up to it go left.
      left: the next node on the left.
      right: the next node on the right.
      missing_left: whether NaN goes left.
      values: of the leaves.
      start: the logits before the first tree.
    """

    roots: Int[np.ndarray, " trees"]
    outputs: Int[np.ndarray, " trees"]
    features: Int[np.ndarray, " nodes"]
    thresholds: Float[np.ndarray, " nodes"]
    left: Int[np.ndarray, " nodes"]
    right: Int[np.ndarray, " nodes"]
    missing_left: Bool[np.ndarray, " nodes"]
    values: Float[np.ndarray, " nodes"]
    start: Float[np.ndarray, " labels"]

    def predict(
        self, matrix: Float[np.ndarray, "rows columns"]
    ) -> Float[np.ndarray, "rows labels"]:
        """Return the probabilities of rows."""
        logits = np.tile(self.start, (len(matrix), 1))
        for root, output in zip(self.roots.tolist(), self.outputs.tolist(), strict=True):
            logits[:, output] += self.values[self._leaves(root, matrix)]
        return softmax(logits, axis=1)

    def _leaves(
        self, root: int, matrix: Float[np.ndarray, "rows columns"]
    ) -> Int[np.ndarray, " rows"]:
        """Return the leaf of one tree in which each row ends."""
        at, rows = np.full(len(matrix), root), np.arange(len(matrix))
        while len(rows := rows[self.features[at[rows]] >= 0]):
            node = at[rows]
            seen = matrix[rows, self.features[node]]
            left = np.where(np.isnan(seen), self.missing_left[node], seen <= self.thresholds[node])
            at[rows] = np.where(left, self.left[node], self.right[node])
        return at

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all that was fitted."""
        return {field.name: getattr(self, field.name) for field in fields(Trees)}


def save_trees(path: Path, trees: Trees) -> None:
    """Write trees as arrays, without pickle; the same trees have the same bytes."""
    write_arrays(path, trees.arrays())


def load_trees(path: Path) -> Trees:
    """Read what `save_trees` wrote; no code of the file runs.

    Raises:
      UserError: the file is missing or damaged, or holds something else.
    """
    return rebuild(path, "trees", trees_of)


def trees_of(arrays: Mapping[str, np.ndarray]) -> Trees:
    """Rebuild trees, and hold them to their form.

    Raises:
      KeyError: an array is missing.
      ValueError: arrays don't fit together, or a node leads back, so that no walk would end.
    """
    made = Trees(**{field.name: arrays[field.name] for field in fields(Trees)})
    nodes, inner = np.arange(len(made.features)), made.features >= 0
    of_nodes = (made.thresholds, made.left, made.right, made.missing_left, made.values)
    if any(one.shape != nodes.shape for one in of_nodes) or len(made.start) != len(LABELS):
        raise ValueError("expected arrays of one length")
    onward = [((side > nodes) & (side < len(nodes)))[inner] for side in (made.left, made.right)]
    if not np.all(onward) or not np.all((made.roots >= 0) & (made.roots < len(nodes))):
        raise ValueError("expected nodes that lead on to others")
    if (
        made.roots.shape != made.outputs.shape
        or not np.isin(made.outputs, range(len(LABELS))).all()
    ):
        raise ValueError("expected a label for each tree")
    return made
