"""The masked language model as Hugging Face's own is: an encoder, a transform, a tied decoder.

The checkpoint's word embeddings are the decoder's weights, so the head brings a transform and a
bias for each word. ELECTRA's discriminator brings neither: what a checkpoint lacks is drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax.numpy as jnp
from flax import linen as nn
from jax.typing import DTypeLike
from jaxtyping import Array, Float, Int, Key

from pipeline.encoders.config import Config, Settings
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.layers import activation, dense, layer_norm
from pipeline.encoders.registry import Tensor, linear, norm


@dataclass(frozen=True)
class Form:
    """Hugging Face's names of one masked-language-model head, which bear no prefix.

    Attributes:
      biases: of the decoder: the first is written, and any is read, since they are tied.
      dense, norm: of the transform; None where the token classifier's own head is the transform.
      activation: of the transform; None for that of the config.
      fields: of config.json, by which transformers takes this head and no other.
    """

    biases: tuple[str, ...]
    dense: str | None = None
    norm: str | None = None
    activation: str | None = None
    fields: tuple[tuple[str, bool], ...] = ()

    @property
    def tensors(self) -> dict[str, Tensor]:
        """The head's parameters, by their paths under "masked"."""
        transform = {}
        if self.dense is not None and self.norm is not None:
            transform = linear("dense", self.dense) | norm("norm", self.norm)
        return transform | {"bias": Tensor(self.biases[0])}


_BERT = Form(
    ("cls.predictions.bias", "cls.predictions.decoder.bias"),
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
)
_ROBERTA = Form(
    ("lm_head.bias", "lm_head.decoder.bias"), "lm_head.dense", "lm_head.layer_norm", "gelu"
)
# The head of the original checkpoints. Without the field transformers takes the other form.
_DEBERTA = Form(
    ("lm_predictions.lm_head.bias",),
    "lm_predictions.lm_head.dense",
    "lm_predictions.lm_head.LayerNorm",
    fields=(("legacy", False),),
)
_OLD_DEBERTA = Form(_BERT.biases, _BERT.dense, _BERT.norm, fields=(("legacy", True),))
_FORMS: Mapping[str, tuple[Form, ...]] = MappingProxyType(
    {
        "bert": (_BERT,),
        **dict.fromkeys(("roberta", "camembert", "xlm-roberta"), (_ROBERTA,)),
        "electra": (
            Form(
                ("generator_lm_head.bias",),
                "generator_predictions.dense",
                "generator_predictions.LayerNorm",
                "gelu",
            ),
        ),
        "deberta": (_DEBERTA, _OLD_DEBERTA),
        "deberta-v2": (_DEBERTA, _OLD_DEBERTA),
        "modernbert": (Form(("decoder.bias",), fields=(("decoder_bias", True),)),),
    }
)


def forms(config: Config) -> tuple[Form, ...]:
    """Return the heads that checkpoints of a config may have, the one to draw first."""
    offered = _FORMS[config.model_type]
    # DeBERTa's own head has no way from the layers' width to that of narrower embeddings.
    narrow = words_width(config) != config.hidden_size
    return tuple(form for form in offered if not (narrow and form is _DEBERTA))


def words_width(config: Config) -> int:
    """Return the width of the word embeddings."""
    return getattr(config, "embedding_size", config.hidden_size)


def head_shapes(config: Config, form: Form) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the head's parameters, by their paths under "masked"."""
    width = words_width(config)
    shapes = {
        "dense/kernel": (config.hidden_size, width),
        "dense/bias": (width,),
        "norm/scale": (width,),
        "norm/bias": (width,),
        "bias": (config.vocab_size,),
    }
    return {path: shapes[path] for path in form.tensors}


class MaskedLanguageModel(nn.Module):
    """Logits over all words, for some tokens of each row.

    Attributes:
      encoder: module of the architecture; its parameters stand under "encoder".
      head: the token classifier's own head, where the architecture has one; under "head".
      config: that of config.json, with the run's dropout rates.
      form: of the head, whose parameters stand under "masked".
      dtype: of activations.
    """

    encoder: nn.Module
    head: nn.Module | None
    config: Config
    form: Form
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
        keys: Key[Array, "rows"] | None,
        place: Int[Array, "rows slots"],
    ) -> Float[Array, "rows slots words"]:
        """Predict tokens of packed rows.

        Args:
          ids: tokens.
          segment: a number for each window of a row, 0 for padding.
          position: within the window, from 0.
          keys: a dropout key per row; None is deterministic.
          place: the tokens of each row to predict.

        Returns:
          float32 logits whatever the dtype of activations.
        """
        hidden = self.encoder(ids, segment, position, keys)
        # Before the decoder: over all tokens it would take longer than the encoder.
        hidden = jnp.take_along_axis(hidden, place[..., None], axis=1)
        hidden = hidden if self.head is None else self.head(hidden)
        words = self.encoder.variables["params"]["embeddings"]["word"]["embedding"]
        return Decoder(self.config, self.form, self.dtype, name="masked")(
            hidden, jnp.asarray(words)
        )


class Decoder(nn.Module):
    """The transform, and the product with the word embeddings."""

    config: Config
    form: Form
    dtype: DTypeLike

    @nn.compact
    def __call__(
        self, hidden: Float[Array, "rows slots width"], words: Float[Array, "words embedded"]
    ) -> Float[Array, "rows slots words"]:
        """Decode what the encoder made of some tokens."""
        c: Any = self.config
        if self.form.dense is not None:
            hidden = dense(words.shape[1], c.std, self.dtype, "dense")(hidden)
            hidden = activation(self.form.activation or c.activation)(hidden)
            hidden = layer_norm(c.epsilon, self.dtype, "norm")(hidden)
        bias = self.param("bias", nn.initializers.zeros, words.shape[:1])
        logits = jnp.einsum(
            "rsw,vw->rsv",
            hidden.astype(self.dtype),
            words.astype(self.dtype),
            preferred_element_type=jnp.float32,
        )
        return logits + bias


def masked_language_model(
    classifier: TokenClassifier, form: Form, settings: Settings
) -> MaskedLanguageModel:
    """Make the masked language model of a token classifier's encoder."""
    return MaskedLanguageModel(
        classifier.encoder, classifier.head, classifier.config, form, settings.activations
    )
