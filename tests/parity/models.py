"""The models that are compared with torch, and how their modules are reached; needs no torch."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from pipeline.encoders import bert, deberta, deberta_v1, modernbert
from pipeline.encoders.attention.dispatch import IMPLEMENTATIONS, attend
from pipeline.encoders.config import Settings
from pipeline.encoders.deberta_common import Embeddings, relative_terms
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.layers import layer_norm
from pipeline.encoders.rotary import rotation
from pipeline.encoders.weights.folders import table
from tests.parity.compare import places

GOLDEN = Path(__file__).parent / "golden"
_OWN_TREE = re.compile(r"encoder/(?:layers|layer_\d+|blocks/\d+)/(.+)")


@dataclass(frozen=True)
class Given:
    """A model with its parameters, and what torch ran and made of it."""

    model: TokenClassifier
    params: Mapping[str, Any]
    run: Mapping[str, np.ndarray]

    @property
    def ids(self) -> jax.Array:
        return jnp.asarray(self.run["ids"])

    @property
    def segment(self) -> jax.Array:
        return places(self.run["real"])[0]

    @property
    def position(self) -> jax.Array:
        return places(self.run["real"])[1]

    def output(self, name: str) -> jax.Array:
        """What torch's module of this name gave."""
        return jnp.asarray(self.run[f"output:{name}"])

    def apply(self, module: type, params: Any, *inputs: Any, **kind: Any) -> Any:
        """Run one of the encoder's modules on inputs, without dropout."""
        return module(self.model.config, Settings(), **kind).apply({"params": params}, *inputs)

    def layer(self, index: int) -> dict[str, Any]:
        """The parameters of one layer alone, wherever the tree keeps them."""
        leaves, own = flatten_dict(self.params, sep="/"), {}
        for path, place in table(self.model).items():
            inner = _OWN_TREE.fullmatch(path)
            if inner and place.layers == index:
                own[inner[1]] = leaves[path]
            elif inner and isinstance(place.layers, range) and index in place.layers:
                own[inner[1]] = leaves[path][place.layers.index(index)]
        return unflatten_dict(own, sep="/")


def collapsed(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, list[int]]:
    """Names without the numbers of layers, to how many tensors there are and the shape of each."""
    found: dict[str, list[int]] = {}
    for name, shape in sorted(shapes.items()):
        plain = re.sub(r"\blayers?\.\d+\.", lambda layer: layer[0].split(".")[0] + ".N.", name)
        before = found.setdefault(plain, [0, *shape])
        assert before[1:] == list(shape), name
        before[0] += 1
    return found


Outputs = Iterator[tuple[str, Any]]


def _bert(given: Given) -> Outputs:
    embeddings = given.params["encoder"]["embeddings"]
    yield "embeddings", given.apply(bert.Embeddings, embeddings, given.ids, given.position, None)
    yield from _bert_layers(given, "embeddings")


def _bert_layers(given: Given, before: str) -> Outputs:
    for index in range(given.model.config.layers):
        name = f"encoder.layer.{index}"
        inputs = (given.output(before), jnp.asarray(index), given.segment, None)
        yield name, given.apply(bert.Layer, given.layer(index), *inputs)[0]
        yield from _self_attention(given, f"{name}.attention.self")
        before = name


def _electra(given: Given) -> Outputs:
    """Like BERT's, but that the layers get the embeddings by way of a projection."""
    params = given.params["encoder"]
    yield (
        "embeddings",
        given.apply(bert.Embeddings, params["embeddings"], given.ids, given.position, None),
    )
    projection = nn.Dense(given.model.config.hidden_size)
    projected = projection.apply({"params": params["projection"]}, given.output("embeddings"))
    yield "embeddings_project", projected
    yield from _bert_layers(given, "embeddings_project")


def _modernbert(given: Given) -> Outputs:
    config, params = given.model.config, given.params["encoder"]
    width, kinds = config.hidden_size // config.heads, modernbert.layer_kinds(config)
    yield "embeddings", given.apply(modernbert.Embeddings, params["embeddings"], given.ids, None)
    thetas = (config.global_theta, config.local_theta)
    turns = tuple(rotation(given.position, width, theta) for theta in thetas)
    before = "embeddings"
    for index, kind in enumerate(kinds):
        name, own, at = f"layers.{index}", given.layer(index), jnp.asarray(index)
        inputs = (given.output(f"{name}.attn_norm"), at, given.segment, turns[kind["local"]], None)
        yield (
            f"{name}.attn",
            given.apply(modernbert.Attention, own["attention"], *inputs, local=kind["local"]),
        )
        inner = (given.output(f"{name}.mlp_norm"), at, None)
        yield f"{name}.mlp", given.apply(modernbert.FeedForward, own["feed_forward"], *inner)
        whole = (given.output(before), at, given.segment, turns, None)
        yield name, given.apply(modernbert.Layer, own, *whole, **kind)[0]
        before = name
    yield "head", given.apply(modernbert.Head, given.params["head"], given.output("final_norm"))


def _self_attention(given: Given, name: str) -> Outputs:
    """Attention alone, from torch's own queries, keys and values."""
    heads = [
        given.output(f"{name}.{part}").reshape(*given.ids.shape, given.model.config.heads, -1)
        for part in ("query", "key", "value")
    ]
    for implementation in IMPLEMENTATIONS:
        mixed = attend(*heads, given.segment, None, 0.0, implementation)
        yield name, mixed.reshape(*given.ids.shape, -1)


def _deberta(given: Given) -> Outputs:
    embeddings = given.params["encoder"]["embeddings"]
    yield "embeddings", given.apply(Embeddings, embeddings, given.ids, given.position, None)
    first = given.model.config.model_type == "deberta"
    layer, attention = (deberta_v1.Layer, _fused) if first else (deberta.Layer, _apart)
    before, positions = "embeddings", _positions(given)
    for index in range(given.model.config.layers):
        name, own = f"encoder.layer.{index}", given.layer(index)
        hidden = given.output(before)
        inputs = (hidden, jnp.asarray(index), given.segment, positions, None, None)
        yield name, given.apply(layer, own, *inputs)[0]
        for implementation in IMPLEMENTATIONS:
            mixed = attention(given, own, hidden, positions, implementation)
            yield f"{name}.attention.self", mixed.reshape(hidden.shape)
        before = name
        if "convolution" in own:
            before = "encoder.conv"
            inputs = (given.output("embeddings"), given.output(name), given.segment, None)
            yield before, given.apply(deberta.Convolution, own["convolution"], *inputs)


def _positions(given: Given) -> jax.Array:
    """The table that all layers share."""
    config, params = given.model.config, given.params["encoder"]
    if not config.norm_positions:
        return jnp.asarray(params["relative"])
    norm = layer_norm(config.epsilon, jnp.float32, "norm")
    return norm.apply({"params": params["relative_norm"]}, params["relative"])


def _apart(given: Given, own: Any, hidden: Any, positions: Any, implementation: str) -> jax.Array:
    """DeBERTa-v2's attention alone, on what torch's layer got."""
    config = given.model.config

    def project(name: str, x: jax.Array) -> jax.Array:
        return x @ own[name]["kernel"] + own[name]["bias"]

    def positioned(term: str, name: str) -> jax.Array | None:
        shared = name if config.share_projections else f"position_{name}"
        return project(shared, positions) if term in config.terms else None

    heads = [
        project(n, hidden).reshape(*given.ids.shape, config.heads, -1)
        for n in ("query", "key", "value")
    ]
    relative = relative_terms(
        config, positioned("c2p", "key"), positioned("p2c", "query"), hidden.shape[1]
    )
    return attend(*heads, given.segment, None, 0.0, implementation, relative=relative)


def _fused(given: Given, own: Any, hidden: Any, positions: Any, implementation: str) -> jax.Array:
    """The first DeBERTa's attention alone, on what torch's layer got."""
    config, keys, queries = given.model.config, None, None
    fused = (hidden @ own["fused"]["kernel"]).reshape(*given.ids.shape, config.heads, 3, -1)
    query, key, value = (fused[..., part, :] for part in range(3))
    query += own["query"]["bias"].reshape(config.heads, -1)
    value += own["value"]["bias"].reshape(config.heads, -1)
    if "c2p" in config.terms:
        keys = positions @ own["position_key"]["kernel"]
    if "p2c" in config.terms:
        queries = positions @ own["position_query"]["kernel"] + own["position_query"]["bias"]
    relative = relative_terms(config, keys, queries, hidden.shape[1])
    return attend(query, key, value, given.segment, None, 0.0, implementation, relative=relative)


@dataclass(frozen=True)
class Model:
    """One of the models of torch_models.py.

    Attributes:
      seed: of the golden arrays.
      modules: what each of our modules gives on the input that torch's had, by torch's name of it.
    """

    seed: int
    modules: Callable[[Given], Outputs]


MODELS = {
    "bert": Model(11, _bert),
    "roberta": Model(12, _bert),
    "electra": Model(13, _electra),
    "modernbert": Model(14, _modernbert),
    "deberta-v3": Model(15, _deberta),
    "deberta-v2-convolution": Model(16, _deberta),
    "deberta": Model(17, _deberta),
}
