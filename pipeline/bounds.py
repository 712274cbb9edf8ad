"""Kinds of options of `params.yaml`: a section, a number within bounds, a name.

Declarations alone, as in `params.py`.
"""

from typing import Annotated, TypeVar, cast, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

T = TypeVar("T")
_CONFIG = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


@dataclass_transform(frozen_default=True, kw_only_default=True)
def frozen(kind: type[T]) -> type[T]:
    """Make a frozen dataclass of a section of params.yaml; it refuses unknown and mistyped keys."""
    return cast(type[T], dataclass(frozen=True, config=_CONFIG, kw_only=True)(kind))


Share = Annotated[float, Field(ge=0.0, le=1.0)]
Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
# Bounds of counts are far above sense and far below what takes a machine down.
# Of a step.
Part = Annotated[int, Field(ge=1, le=65_536)]
# In tokens.
Length = Annotated[int, Field(ge=8, le=65_536)]
Times = Annotated[int, Field(ge=1, le=1000)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
