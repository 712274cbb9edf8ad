"""The pool of a bundle's members, and priors for elements that no member predicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float

from pipeline.competition.schema import LABELS, TYPES
from pipeline.errors import UserError
from pipeline.evaluation.pools import Kind, Weights, pool
from pipeline.evaluation.priors import shares
from pipeline.files import read_json, write_json
from pipeline.tables.elements import Elements

ANY = ""  # the type of an element whose own is unknown


@dataclass(frozen=True)
class Blend:
    """A fitted pool of named members, and class shares by type."""

    members: list[str]
    fitted: Weights
    priors: dict[str, list[float]]

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        fitted = self.fitted
        content = {
            "pool": fitted.kind,
            "members": self.members,
            "weights": fitted.weights.tolist(),
            "bias": fitted.bias.tolist(),
            "priors": self.priors,
        }
        write_json(path, content)

    def predict(
        self, members: Float[np.ndarray, "rows members labels"], types: Sequence[str]
    ) -> Float[np.ndarray, "rows labels"]:
        """Pool the members where all have a prediction; elsewhere (NaN) give the type's priors."""
        # The weights were fitted to all members together and don't hold for some of them.
        there = np.isfinite(members).all(axis=(1, 2))
        fallback = self.priors[ANY]
        out = np.array([self.priors.get(kind, fallback) for kind in types])
        out = out.reshape(-1, len(LABELS))
        out[there] = pool(self.fitted, members[there])
        return out


def read_blend(path: Path) -> Blend:
    """Read what `Blend.write` wrote.

    Raises:
      UserError: the file is missing, or not of this form.
    """
    content = read_json(path)
    try:
        kind = content["pool"]
        if kind not in get_args(Kind):
            raise ValueError(f"pool {kind!r}")
        fitted = Weights(kind, np.array(content["weights"]), np.array(content["bias"]))
        return Blend(content["members"], fitted, content["priors"])
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: no blend of members: {error!r}") from None


def priors_of(elements: Elements) -> dict[str, list[float]]:
    """Compute the class shares of all labelled elements by type, and over all types."""
    onehot, kinds = np.eye(len(LABELS))[elements.labels], np.asarray(elements.types)
    overall = shares(onehot, np.full(len(LABELS), 1 / len(LABELS)))
    by_type = {kind: shares(onehot[kinds == kind], overall) for kind in TYPES}
    return {kind: row.tolist() for kind, row in {ANY: overall, **by_type}.items()}
