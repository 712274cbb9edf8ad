"""The blend of a bundle's members, and priors for elements that no member predicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, get_args

import numpy as np
from jaxtyping import Float, Int

from pipeline.bundle import contents
from pipeline.competition.schema import LABELS, TYPES
from pipeline.errors import UserError
from pipeline.evaluation.class_means import scaled
from pipeline.evaluation.pools import Kind, Weights, fit, pool
from pipeline.evaluation.priors import shares
from pipeline.evaluation.stacker import PoolAndTrees, Stacker
from pipeline.evaluation.surroundings import Surroundings
from pipeline.files import read_json, write_json
from pipeline.members.trees import load_trees, save_trees
from pipeline.tables.elements import Elements

# The type of an element whose own is unknown.
ANY = ""

# With so many models a pool is fitted to each smaller set; with more that would take too long.
_EVERY_SET = 6

# What a stacker blends.
STACKED = ("pool", "trees")

Parts = Mapping[tuple[str, ...], Weights]
"""Pools of smaller sets of members, by their names in order."""


@dataclass(frozen=True)
class Blend:
    """A fitted pool of named members, those of fewer of them, and class shares by type.

    Attributes:
      members: every member's name.
      fitted: the pool of all.
      parts: those of smaller sets.
      priors: class shares by type.
      stacker: in the place of the pool of all, where there is one.
      shares: the class shares that predictions are scaled to, where they are.
    """

    members: list[str]
    fitted: Weights
    parts: Parts
    priors: dict[str, list[float]]
    stacker: Stacker | None = None
    shares: list[float] | None = None

    def write(self, bundle: Path) -> None:
        """Write it as JSON, and the stacker's trees, where there are any, as arrays."""
        content = {
            "pool": self.fitted.kind,
            **_written(self.members, self.fitted),
            "parts": [_written(names, fitted) for names, fitted in self.parts.items()],
            "priors": self.priors,
            "shares": self.shares,
            "stacker": None,
        }
        if self.stacker is not None:
            content["stacker"] = _written(STACKED, self.stacker.blend)
            save_trees(bundle / contents.TREES, self.stacker.beside.trees)
        write_json(bundle / contents.BLEND, content)

    def predict(
        self,
        members: Float[np.ndarray, "rows members labels"],
        types: Sequence[str],
        around: Surroundings,
    ) -> Float[np.ndarray, "rows labels"]:
        """Blend each row's members.

        A row with every member goes through the stacker, where there is one, among the rows of its
        essay that have every member too. Others are pooled by the weights of the largest fitted set
        of which they have every member; of sets as large the first is taken. A member without a
        prediction is NaN. Where a row has no set whole, the type's priors stand.

        Args:
          members: their probabilities.
          types: of the elements.
          around: the elements in their essays; of no account where a row has no member.
        """
        there = np.asarray(np.isfinite(members).all(axis=2))
        fallback = self.priors[ANY]
        out = np.array([self.priors.get(kind, fallback) for kind in types])
        out = out.reshape(-1, len(LABELS))
        left = np.ones(len(members), bool)
        sets = [(tuple(self.members), self.fitted), *self.parts.items()]
        for names, fitted in sorted(sets, key=lambda one: -len(one[0])):
            within = np.isin(self.members, names)
            rows = left & there[:, within].all(axis=1)
            out[rows] = pool(fitted, members[rows][:, within])
            left &= ~rows
        whole = np.asarray(there.all(axis=1))
        if self.stacker is not None and whole.any():
            out[whole] = self.stacker.predict(members[whole], around.select(whole))
        if self.shares is not None and not left.all():
            out[~left] = scaled(out[~left], np.array(self.shares))
        return out


def fit_parts(
    kind: Kind,
    members: Sequence[str],
    probabilities: Float[np.ndarray, "rows members labels"],
    labels: Int[np.ndarray, " rows"],
    ridge: float,
    cheapest: Sequence[str],
) -> Parts:
    """Fit pools to smaller sets of members, all with the baseline, which is always there.

    Weights that were fitted to all members don't hold for some of them, by whatever factor: in a
    log-linear pool their sum sharpens, and a negative one takes out what others have in common.

    Up to six models every smaller set has a pool. Beyond that they would be too many, and those
    that a run is likely to need have one: all but one model, as where one's logits are not finite,
    and the cheapest models down to none, for time runs out for the dear ones first.

    Args:
      kind: of the pools.
      members: names, the baseline first.
      probabilities: out of fold.
      labels: the true classes.
      ridge: of a log-linear pool.
      cheapest: names of the models, those first that predict in less time.
    """
    order = [members.index(name) for name in cheapest]
    chosen = [(0, *some) for some in _smaller_sets(order)]
    return {
        tuple(members[m] for m in some): fit(kind, probabilities[:, some], labels, ridge)
        for some in chosen
    }


def _smaller_sets(cheapest: Sequence[int]) -> list[tuple[int, ...]]:
    """List the sets of models that have a pool beside all of them, each in rising order."""
    sizes, models = range(len(cheapest)), sorted(cheapest)
    if len(models) <= _EVERY_SET:
        return [some for size in sizes for some in combinations(models, size)]
    some = [tuple(sorted(cheapest[:size])) for size in sizes]
    # The cheapest may be all but the dearest too.
    return list(dict.fromkeys([*some, *combinations(models, len(models) - 1)]))


def read_blend(bundle: Path) -> Blend:
    """Read what `Blend.write` wrote.

    Raises:
      UserError: a file is missing, or not of this form.
    """
    path = bundle / contents.BLEND
    content = read_json(path)
    try:
        kind = content["pool"]
        if kind not in get_args(Kind):
            raise ValueError(f"pool {kind!r}")
        parts = {tuple(part["members"]): _read(kind, part) for part in content["parts"]}
        fitted, stacker = _read(kind, content), None
        if content["stacker"] is not None:
            beside = PoolAndTrees(fitted, load_trees(bundle / contents.TREES))
            stacker = Stacker(beside, _read("loglinear", content["stacker"]))
        return Blend(
            content["members"], fitted, parts, content["priors"], stacker, content["shares"]
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no blend of members: {error!r}") from None


def priors_of(elements: Elements) -> dict[str, list[float]]:
    """Compute the class shares of all labelled elements by type, and over all types."""
    onehot, kinds = np.eye(len(LABELS))[elements.labels], np.asarray(elements.types)
    overall = shares(onehot, np.full(len(LABELS), 1 / len(LABELS)))
    by_type = {kind: shares(onehot[kinds == kind], overall) for kind in TYPES}
    return {kind: row.tolist() for kind, row in {ANY: overall, **by_type}.items()}


def _written(names: Sequence[str], fitted: Weights) -> dict[str, Any]:
    return {
        "members": list(names),
        "weights": fitted.weights.tolist(),
        "bias": fitted.bias.tolist(),
    }


def _read(kind: Kind, content: Mapping[str, Any]) -> Weights:
    return Weights(kind, np.array(content["weights"]), np.array(content["bias"]))
