"""The blend that the configuration asks for: a pool of members, and a stacker beside it."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from pipeline import params
from pipeline.competition.schema import LABELS
from pipeline.evaluation.class_means import class_shares, scaled
from pipeline.evaluation.nesting import nested, nested_split
from pipeline.evaluation.pools import Kind, Weights, fit, pool
from pipeline.evaluation.stacker import Stacked, Stacker, stacked
from pipeline.evaluation.surroundings import read_surroundings
from pipeline.metrics import log_loss
from pipeline.tables.elements import Elements

Members = Float[np.ndarray, "rows members labels"]
Rows = Float[np.ndarray, "rows labels"]


@dataclass(frozen=True)
class Pooled:
    """One kind of pool over all rows."""

    fitted: Weights  # on all rows
    in_sample: float  # log loss on the rows that it was fitted on: flatters
    held: Rows  # each essay by weights fitted on others
    spread: Float[np.ndarray, " members"]  # standard deviation of the nested fits' weights


@dataclass(frozen=True)
class Fitted:
    """What predicts a test set.

    Attributes:
      pool: of all members.
      stacker: in the place of the pool, where there is one.
      shares: of the training classes, where predictions are scaled to them.
    """

    pool: Weights
    stacker: Stacker | None
    shares: Float[np.ndarray, " labels"] | None


@dataclass(frozen=True)
class Blended:
    """The blend that the settings ask for, over all rows.

    Attributes:
      pooled: the pool.
      stacked: the stacker, where there is one.
      fitted: on all rows.
      unscaled: each essay by a fit on others.
      by_shares: the same, scaled to the class shares of others.
    """

    pooled: Pooled
    stacked: Stacked | None
    fitted: Fitted
    unscaled: Rows
    by_shares: Rows

    @property
    def held(self) -> Rows:
        """The predictions that the blend is judged by."""
        return self.unscaled if self.fitted.shares is None else self.by_shares


def pooled(
    kind: Kind,
    members: Members,
    labels: Int[np.ndarray, " rows"],
    split: Int[np.ndarray, " rows"],
    ridge: float,
    drop: bool = False,
) -> Pooled:
    """Fit one kind of pool, on all rows and nested.

    Args:
      kind: of the pool.
      members: their probabilities.
      labels: the true classes.
      split: the nested part of each row; see `nested_split`.
      ridge: of a log-linear pool.
      drop: whether members that earn nothing have no weight.
    """
    held, fits = nested(
        lambda rows: fit(kind, members[rows], labels[rows], ridge, drop),
        lambda fitted, rows: pool(fitted, members[rows]),
        split,
    )
    fitted = fit(kind, members, labels, ridge, drop)
    in_sample = log_loss(labels, pool(fitted, members))
    return Pooled(fitted, in_sample, held, np.std([f.weights for f in fits], axis=0))


def blended(
    settings: params.Ensemble,
    members: Members,
    elements: Elements,
    found: Pooled | None = None,
) -> Blended:
    """Fit the blend that the settings ask for: a pool, with a stacker where there is one.

    Args:
      settings: of the configuration.
      members: their out-of-fold probabilities.
      elements: whose labels and essays they are.
      found: the pool of the settings' kind, where it is fitted already.
    """
    labels, split = elements.labels, split_of(settings, elements)
    found = found or pooled(settings.pool, members, labels, split, settings.ridge, settings.drop)
    stack, shares, unscaled = None, None, found.held
    if settings.stacker is not None:
        around = read_surroundings("train", elements.element_ids)
        stack = stacked(settings, settings.stacker, members, labels, split, around)
        unscaled = stack.held
    # The figure is there also where it is not used, so that the choice can be made by it.
    by_shares = scaled_parts(unscaled, labels, split)
    if settings.class_means:
        shares = class_shares(labels, len(LABELS))
    fitted = Fitted(found.fitted, stack and stack.fitted, shares)
    return Blended(found, stack, fitted, unscaled, by_shares)


def split_of(settings: params.Ensemble, elements: Elements) -> Int[np.ndarray, " rows"]:
    """Return the nested part of each row: one split for all, so that figures may be compared."""
    return nested_split(elements.essay_ids, settings.nested_folds, settings.seed)


def scaled_parts(
    held: Rows, labels: Int[np.ndarray, " rows"], split: Int[np.ndarray, " rows"]
) -> Rows:
    """Scale each part of `split`, as a test set of its own, to the class shares of the others."""
    return nested(
        lambda rows: class_shares(labels[rows], held.shape[1]),
        lambda shares, rows: scaled(held[rows], shares),
        split,
    )[0]
