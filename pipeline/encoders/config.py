"""The two sides that make an encoder: a checkpoint's config.json, and the choices of a run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

import jax.numpy as jnp
from jax.typing import DTypeLike

from pipeline.errors import UserError

T = TypeVar("T", bool, int, float, str, list, dict)
_LARGEST = jnp.iinfo(jnp.int32).max
_SMALLEST, _HUGE = float(jnp.finfo(jnp.float32).tiny), float(jnp.finfo(jnp.float32).max)


@dataclass(frozen=True)
class Settings:
    """Choices of a run; a dropout rate of None takes the checkpoint's own.

    Attributes:
      dtype: of activations, "float32", "bfloat16" or "float16"; parameters and logits are always
        float32.
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


@dataclass(frozen=True)
class Kind(Generic[T]):
    """The values that a field of config.json may have.

    Attributes:
      type: of the value; an integer passes for a float.
      expected: the same in words.
      holds: tells whether a value of the type is one of them.
    """

    type: type[T]
    expected: str
    holds: Callable[[T], bool] = lambda value: True


COUNT = Kind(int, f"an integer from 1 to {_LARGEST}", lambda value: 1 <= value <= _LARGEST)
SIZE = Kind(int, f"an integer from 0 to {_LARGEST}", lambda value: 0 <= value <= _LARGEST)
LAYERS = Kind(int, "an integer from 1 to 1000", lambda value: 1 <= value <= 1000)
UP_TO = Kind(int, f"an integer up to {_LARGEST}", lambda value: value <= _LARGEST)
RATE = Kind(float, "a number from 0 to below 1", lambda value: 0.0 <= value < 1.0)
POSITIVE = Kind(float, "a float32 number above 0", lambda value: _SMALLEST <= value <= _HUGE)
NOT_NEGATIVE = Kind(
    float, "a float32 number that is not negative", lambda value: 0.0 <= value <= _HUGE
)
FLAG = Kind(bool, "true or false")
TEXT = Kind(str, "a text")
LIST = Kind(list, "a list")
MAPPING = Kind(dict, "a mapping")


def need(fields: Mapping[str, Any], key: str, kind: Kind[T], default: T | None = None) -> T:
    """Read one field of a config.json.

    Args:
      fields: the whole config.
      key: the field.
      kind: what it may be.
      default: what an absent or null field means; None where it has to be there.

    Raises:
      UserError: it is missing or something else.
    """
    given: Any = fields.get(key)
    if given is None and default is not None:
        return default
    # Beyond 2 ** 53 not every integer is a float.
    if kind.type is float and type(given) is int and abs(given) <= 2**53:
        value: Any = float(given)
    else:
        value = given
    # By `type`, as a bool is an int to Python, but `true` in a config is no number.
    if type(value) is not kind.type or not kind.holds(value):
        raise mismatch(key, kind.expected, given)
    return value


def need_heads(fields: Mapping[str, Any], even: bool = False) -> tuple[int, int]:
    """Read the width of the layers and the number of heads that share it.

    Args:
      fields: the whole config.
      even: whether the width of one head has to be.

    Raises:
      UserError: one is missing or out of bounds, or the heads' share is not whole.
    """
    width, heads = need(fields, "hidden_size", COUNT), need(fields, "num_attention_heads", COUNT)
    parts, times = (2 * heads, "2 * ") if even else (heads, "")
    if width % parts:
        raise mismatch("hidden_size", f"a multiple of {parts} ({times}num_attention_heads)", width)
    return width, heads


def need_vocabulary(fields: Mapping[str, Any], pad: int | None = None) -> tuple[int, int]:
    """Read the size of the vocabulary and the id of its padding, by default `pad`.

    Raises:
      UserError: one is missing or out of bounds.
    """
    size, found = need(fields, "vocab_size", COUNT), need(fields, "pad_token_id", SIZE, pad)
    if found >= size:
        raise mismatch("pad_token_id", f"an id below {size} (vocab_size)", found)
    return size, found


def refuse(fields: Mapping[str, Any], key: str, *served: object) -> None:
    """Check that a field, where it is there, has one of the values that an encoder serves.

    Raises:
      UserError: it has another one.
    """
    if key in fields and fields[key] not in served:
        raise mismatch(key, " or ".join(repr(value) for value in served), fields[key])


def mismatch(key: str, expected: str, found: object) -> UserError:
    """Return the error on a field; `Architecture.read` puts the file before it."""
    return UserError(f"{key}: expected {expected}, found {found!r}")
