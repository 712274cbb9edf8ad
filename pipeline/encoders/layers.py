"""The parts that encoders share: dropout by row, dense layers, norms, activations.

`after_attention` is most of a BERT's layer, whose norms stand behind its residuals; DeBERTa has it
too.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders import float16
from pipeline.encoders.config import Config, Kind, Settings
from pipeline.encoders.dropout_masks import LEVELS, keep_mask, kept
from pipeline.encoders.registry import Tensor, linear, norm


class Site(enum.IntEnum):
    """Places of dropout in a layer; a value is part of the mask's key, so it never changes."""

    EMBEDDINGS = 0
    ATTENTION = 1
    ATTENTION_OUTPUT = 2
    OUTPUT = 3
    HEAD = 4
    FEED_FORWARD = 5
    POSITIONS = 6
    CONVOLUTION = 7


_SITES = 8  # room for each layer; no fewer than there are members in `Site`


def site_keys(
    keys: Key[Array, "rows"] | None, site: Site, layer: Int[Array, ""] | int = 0
) -> Key[Array, "rows"] | None:
    """Make a key per row for one place of the network; None stays None, which is no dropout."""
    if keys is None:
        return None
    # The number is arithmetic on the layer's index, which a scan knows only as a traced value. The
    # batch and the device have no part in a key, so a row has the same masks wherever it runs.
    return jax.vmap(lambda key: jax.random.fold_in(key, layer * _SITES + site))(keys)


def drop(x: Float[Array, "*shape"], key: Key[Array, ""], rate: float) -> Float[Array, "*shape"]:
    """Apply inverted dropout (Srivastava et al., 2014), scaled by the share that is really kept."""
    # Masks are bytes, so the share kept is a multiple of 1/256. Scaling by it, not by the rate that
    # was asked for, leaves the mean as it was.
    return jnp.where(keep_mask(key, x.shape, rate), x * (LEVELS / kept(rate)), 0).astype(x.dtype)


def dropout(
    x: Float[Array, "rows *rest"], keys: Key[Array, "rows"] | None, rate: float
) -> Float[Array, "rows *rest"]:
    """Apply dropout with masks that depend on each row's key alone, not on the rows beside it.

    Args:
      x: activations, a row of the batch per leading index.
      keys: a key per row for this place (see `site_keys`), or None for none.
      rate: the share of entries to drop.
    """
    if keys is None or rate == 0.0:
        return x
    return jax.vmap(lambda row, key: drop(row, key, rate))(x, keys)


class Dense(nn.Module):
    """A layer as `flax.linen.Dense`, with float32 parameters of the same names and initial values.

    Attributes:
      features: width of the output.
      std: of the kernel's initial values, as Hugging Face's checkpoints have it.
      dtype: of the product's sides and of the output; sums are in float32.
      use_bias: whether a bias is added.
    """

    features: int
    std: float
    dtype: DTypeLike
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Float[Array, "*batch width"]) -> Float[Array, "*batch features"]:
        """Apply the layer to the last axis."""
        initial = nn.initializers.normal(self.std)
        kernel = self.param("kernel", initial, (x.shape[-1], self.features), jnp.float32)
        bias = None
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros_init(), (self.features,), jnp.float32)
        flat = x.reshape(-1, x.shape[-1]).astype(self.dtype)
        # The form is chosen when the program is lowered, not by the machine that traces it: a CPU
        # that compiles for a TPU takes the TPU's form.
        plain = _plain_half if flat.dtype == jnp.float16 else _plain
        made = lax.platform_dependent(flat, kernel, bias, cpu=_affine, default=plain)
        return made.reshape(*x.shape[:-1], self.features)


def _plain(x: Any, kernel: Any, bias: Any) -> Array:
    product = x @ kernel.astype(x.dtype)
    return product if bias is None else product + bias.astype(x.dtype)


def _plain_half(x: Any, kernel: Any, bias: Any) -> Array:
    made = float16.product(x, kernel)
    return made if bias is None else float16.add_bias(made, bias)


@jax.custom_vjp
def _affine(x: Any, kernel: Any, bias: Any) -> Array:
    """Do the same on CPUs, where products of bfloat16 are fast only if they give float32."""
    product = jnp.dot(x, kernel.astype(x.dtype), preferred_element_type=jnp.float32)
    return (product if bias is None else product + bias).astype(x.dtype)


def _forward(x: Any, kernel: Any, bias: Any) -> tuple[Array, tuple[Any, ...]]:
    return _affine(x, kernel, bias), (x, kernel, bias)


def _backward(residuals: tuple[Any, ...], cotangent: Any) -> tuple[Any, Any, Any]:
    """Return the gradients of input, kernel and bias.

    One product gives those of the kernel and the bias, with a row of ones for the bias. The row
    also keeps XLA from folding the transpose into the product, which would then go to a kernel of
    half the speed.
    """
    x, kernel, bias = residuals
    of_x = lax.dot_general(
        cotangent,
        kernel.astype(x.dtype),
        (((1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    )
    turned = jnp.concatenate([x.T, jnp.ones((1, len(x)), x.dtype)])
    both = jnp.dot(turned, cotangent, preferred_element_type=jnp.float32)
    return of_x.astype(x.dtype), both[:-1], None if bias is None else both[-1]


_affine.defvjp(_forward, _backward)


def dense(features: int, std: float, dtype: DTypeLike, name: str, bias: bool = True) -> Dense:
    """Make a dense layer with float32 parameters, initialised as Hugging Face's models are."""
    return Dense(features, std, dtype, bias, name=name)


def layer_norm(epsilon: float, dtype: DTypeLike, name: str, bias: bool = True) -> nn.LayerNorm:
    """Make a layer norm with statistics in float32, by the two-pass variance as in torch."""
    # The fast variance, the mean square minus the squared mean, cancels digits.
    return nn.LayerNorm(
        epsilon=epsilon, dtype=dtype, use_bias=bias, use_fast_variance=False, name=name
    )


def gelu(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Apply exact GELU (Hendrycks and Gimpel, 2016), through erf as in torch."""
    return (0.5 * x * (1.0 + lax.erf(x * 0.5**0.5))).astype(x.dtype)


def gelu_tanh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Apply GELU by its tanh approximation."""
    return nn.gelu(x, approximate=True)


_ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "gelu": gelu,
    "gelu_new": gelu_tanh,
    "gelu_fast": gelu_tanh,
    "gelu_pytorch_tanh": gelu_tanh,
    "relu": nn.relu,
    "silu": nn.silu,
    "swish": nn.silu,
    "tanh": jnp.tanh,
}


ACTIVATION = Kind(str, f"one of {', '.join(sorted(_ACTIVATIONS))}", lambda v: v in _ACTIVATIONS)
"""The names of activations in config.json."""


def activation(name: str) -> Callable[[Array], Array]:
    """Look an activation up by Hugging Face's name of it, an `ACTIVATION`."""
    found = _ACTIVATIONS[name]
    return lambda x: float16.apply(found, x) if x.dtype == jnp.float16 else found(x)


def add_bias(
    x: Float[Array, "*batch features"], bias: Float[Array | np.ndarray, "features"]
) -> Float[Array, "*batch features"]:
    """Add a float32 bias in the dtype of activations."""
    return float16.add_bias(x, bias) if x.dtype == jnp.float16 else x + bias.astype(x.dtype)


@dataclass(frozen=True, kw_only=True)
class PostNormConfig(Config):
    """The fields of config.json that such a layer reads."""

    heads: int
    intermediate_size: int
    activation: str
    epsilon: float


def by_head(x: Float[Array, "*tokens width"], heads: int) -> Float[Array, "*tokens {heads} own"]:
    """Split vectors into those of the heads."""
    return x.reshape(*x.shape[:-1], heads, -1)


def after_attention(
    config: PostNormConfig,
    settings: Settings,
    hidden: Float[Array, "rows tokens width"],
    mixed: Float[Array, "rows tokens heads own"],
    index: Int[Array, ""] | int,
    keys: Key[Array, "rows"] | None,
) -> Float[Array, "rows tokens width"]:
    """Apply attention's output and the feed-forward network, each with a residual and a norm.

    Its modules become those of the layer in whose `compact` method it is called.

    Args:
      config, settings: of the encoder.
      hidden: the input of the layer.
      mixed: the output of its attention.
      index: the layer's number, for dropout.
      keys: a dropout key per row; None is deterministic.
    """
    dtype = settings.activations

    def add(x: Array, change: Array, site: Site, name: str) -> Array:
        change = dropout(change, site_keys(keys, site, index), config.hidden_dropout)
        return layer_norm(config.epsilon, dtype, name)(x + change)

    attended = dense(config.hidden_size, config.std, dtype, "attention_output")(
        mixed.reshape(hidden.shape)
    )
    hidden = add(hidden, attended, Site.ATTENTION_OUTPUT, "attention_norm")
    inner = dense(config.intermediate_size, config.std, dtype, "intermediate")(hidden)
    inner = activation(config.activation)(inner)
    output = dense(config.hidden_size, config.std, dtype, "output")(inner)
    return add(hidden, output, Site.OUTPUT, "output_norm")


def after_attention_tensors(layer: str) -> dict[str, Tensor]:
    """Return the tensors of `after_attention`, below Hugging Face's name of a layer."""
    return {
        **linear("attention_output", f"{layer}.attention.output.dense"),
        **norm("attention_norm", f"{layer}.attention.output.LayerNorm"),
        **linear("intermediate", f"{layer}.intermediate.dense"),
        **linear("output", f"{layer}.output.dense"),
        **norm("output_norm", f"{layer}.output.LayerNorm"),
    }
