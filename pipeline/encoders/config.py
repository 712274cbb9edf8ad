"""The two sides that make an encoder: a checkpoint's config.json, and the choices of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

import jax.numpy as jnp
from jax.typing import DTypeLike

from pipeline.errors import UserError

T = TypeVar("T", bool, int, float, str, list, dict)


@dataclass(frozen=True)
class Settings:
    """Choices of a run; a dropout rate of None takes the checkpoint's own.

    Attributes:
      dtype: of activations, "float32", "bfloat16" or, in inference alone, "float16"; parameters and
        logits are always float32.
      attention: the implementation, see `pipeline.encoders.attention.dispatch`.
      remat: the part of a layer that the backward pass computes again instead of keeping it:
        "none"; "selective", all but its products with weights; "full", all of it.
      hidden_dropout: after embeddings, attention and feed-forward.
      attention_dropout: on attention weights.
      head_dropout: before the classifier.
    """

    dtype: str = "float32"
    attention: str = "xla"
    remat: Literal["none", "selective", "full"] = "none"
    hidden_dropout: float | None = None
    attention_dropout: float | None = None
    head_dropout: float | None = None

    @property
    def activations(self) -> DTypeLike:
        """The dtype of activations, as JAX names it."""
        return jnp.dtype(self.dtype)


@dataclass(frozen=True, kw_only=True)
class Config:
    """The fields of config.json that every architecture reads; each adds its own.

    Attributes:
      model_type: Hugging Face's name of the architecture.
      positions: the longest window, in tokens.
      std: of the normal distribution that new weights are drawn from.
      embedding_dropout, hidden_dropout, attention_dropout, head_dropout: the rates in force; a
        run's one rate for what is hidden stands for the first two.
      relative: whether attention has relative terms.
    """

    relative: ClassVar[bool] = False
    model_type: str
    vocab_size: int
    hidden_size: int
    layers: int
    positions: int
    pad_token_id: int
    std: float
    embedding_dropout: float
    hidden_dropout: float
    attention_dropout: float
    head_dropout: float


def need(fields: Mapping[str, Any], key: str, kind: type[T], default: T | None = None) -> T:
    """Read one field of a config.json.

    Args:
      fields: the whole config.
      key: the field.
      kind: its type; an integer passes for a float.
      default: what an absent or null field means; None where it has to be there.

    Raises:
      UserError: it is missing or of another type.
    """
    value = fields.get(key)
    if value is None and default is not None:
        return default
    # A bool is an int to Python, but `true` in a config is no number.
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise UserError(f"config.json: {key}: expected {kind.__name__}, found {value!r}")
    return value


def refuse(fields: Mapping[str, Any], key: str, *served: object) -> None:
    """Check that a field, where it is there, has one of the values that an encoder serves.

    Raises:
      UserError: it has another one.
    """
    if key in fields and fields[key] not in served:
        expected = " or ".join(repr(value) for value in served)
        raise UserError(f"config.json: {key}: expected {expected}, found {fields[key]!r}")
