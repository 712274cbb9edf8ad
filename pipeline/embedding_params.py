"""The options of boosted trees and of members of embeddings, declared as in `params.py`."""

from typing import Annotated

from pydantic import Field

from pipeline.bounds import Name, Positive, Seed, Times, frozen


@frozen
class Boosting:
    """Boosted trees."""

    rounds: Times
    """Trees of each class; on members of a pool 60 at a rate of 0.1 are a start."""
    rate: Annotated[float, Field(gt=0.0, le=1.0)]
    """Share of a tree's step that is taken."""
    leaves: Annotated[int, Field(ge=2, le=256)]
    """Most leaves of a tree; 8 is a start."""
    rows_per_leaf: Annotated[int, Field(ge=1, le=1_000_000)]
    """Elements that a leaf has at least; 60 is a start."""


@frozen
class EmbeddingRidge:
    """Ridge regressions score essay and element by their vectors; a logistic one reads the scores.

    Columns are standardised, so penalties are on one scale.
    """

    essay: Positive
    """Penalty of the essays' regression; 3000 is a start."""
    element: Positive
    """Penalty of the elements' regression; 3000 is a start."""
    C: Positive
    """Inverse strength of the logistic regression's penalty; 0.1 is a start."""


@frozen
class EmbeddingTrees(Boosting):
    """Boosted trees on the strongest directions of the vectors."""

    components: Annotated[int, Field(ge=1, le=65_536)]
    """Directions of the elements' vectors, and as many of the essays'; 32 is a start."""
    seed: Seed
    """Seed of the columns that each split chooses from."""


@frozen
class Embeddings:
    """A member of a frozen encoder's vectors; it has `ridge` or `boosting`."""

    model: Name
    """Model whose backbone, as it is before training, whose tokens and rows are taken."""
    ridge: EmbeddingRidge | None = None
    """Regression by ridge; null: none."""
    boosting: EmbeddingTrees | None = None
    """Boosted trees; null: none."""
