"""The seed's recipe, in an environment of its own: the last transformers with Flax classes.

FlaxAutoModelForSequenceClassification on each element alone, padded to a fixed length, under
`pmap` with the state put there by `flax.jax_utils.replicate`, AdamW with linear decay, every
element once an epoch in batches of one size.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flax
import jax
import numpy as np
import optax
import transformers
from flax import jax_utils
from flax.training.common_utils import shard
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import load_file

from bench.peers import clock
from bench.peers.request import Request, answer
from bench.peers.windows import log_loss
from pipeline.memory import peak_megabytes

RATE = 2e-5
DECAY = 0.01
DRAWN = ("pooler.", "classifier.")  # where a checkpoint lacks them

LEAVES = {"kernel": "weight", "scale": "weight", "embedding": "weight", "bias": "bias"}


def load(folder: Path, seed: int) -> Any:
    """Flax's own model with a checkpoint's weights, which it could read through torch alone.

    Raises:
      ValueError: the checkpoint lacks a tensor of the encoder.
    """
    config = transformers.AutoConfig.from_pretrained(folder, num_labels=3)
    flax_models: Any = transformers  # of 4.57.6: transformers 5 has no Flax
    model = flax_models.FlaxAutoModelForSequenceClassification.from_config(config, seed=seed)
    tensors = load_file(folder / "model.safetensors")
    leaves = {
        path: _tensor(path, leaf, tensors, model.base_model_prefix)
        for path, leaf in flatten_dict(model.params).items()
    }
    model.params = unflatten_dict(leaves)
    return model


def _tensor(path: tuple[str, ...], leaf: Any, tensors: dict[str, np.ndarray], prefix: str) -> Any:
    name = ".".join((*path[:-1], LEAVES[path[-1]]))
    bare = name.removeprefix(f"{prefix}.")
    found = tensors.get(name, tensors.get(bare))
    if found is None and bare.startswith(DRAWN):
        return leaf
    if found is None:
        raise ValueError(f"no tensor {name}")
    array = found.T if path[-1] == "kernel" else found
    if array.shape != leaf.shape:
        raise ValueError(f"{name}: expected {leaf.shape}, found {array.shape}")
    return array


class Recipe:
    """Model, state and data."""

    def __init__(self, request: Request) -> None:
        jax.config.update("jax_platforms", {"gpu": "cuda"}.get(request.platform, request.platform))
        if request.platform == "cpu" and request.devices != "auto":
            jax.config.update("jax_num_cpu_devices", request.devices)
        options = request.train
        self.model = load(Path(request.backbone), options["seed"])
        with np.load(request.data) as arrays:
            self.ids, self.mask, self.label = (arrays[n] for n in ("ids", "mask", "label"))
            self.held = np.flatnonzero(arrays["held"])
            self.others = np.flatnonzero(~arrays["held"])
        self.batch, self.epochs = min(request.batch, len(self.others)), options["epochs"]
        self.rng = np.random.default_rng(options["seed"])
        self.steps_of_an_epoch = len(self.others) // self.batch
        decay = optax.linear_schedule(RATE, 0.0, self.steps_of_an_epoch * self.epochs)
        self.optimizer = optax.adamw(decay, weight_decay=DECAY)
        state = (self.model.params, self.optimizer.init(self.model.params))
        self.state = jax_utils.replicate(state)
        self.keys = jax.random.split(jax.random.key(options["seed"]), jax.local_device_count())
        self.step = jax.pmap(self._step, "batch", donate_argnums=(0,))
        self.forward = jax.pmap(self._forward, "batch")

    def _step(self, state: Any, batch: Any, key: Any) -> tuple[Any, Any]:
        own, following = jax.random.split(key)

        def loss(params: Any) -> Any:
            ids, mask, label = batch
            logits = self.model(ids, mask, params=params, dropout_rng=own, train=True).logits
            return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()

        params, moments = state
        gradient = jax.lax.pmean(jax.grad(loss)(params), "batch")
        update, moments = self.optimizer.update(gradient, moments, params)
        return (optax.apply_updates(params, update), moments), following

    def _forward(self, params: Any, batch: Any) -> Any:
        return self.model(batch[0], batch[1], params=params, train=False).logits

    def steps(self) -> Iterator[int]:
        """Real tokens of each step; what doesn't fill the last batch of an epoch is dropped."""
        for _ in range(self.epochs):
            order = self.rng.permutation(self.others)
            for index in range(self.steps_of_an_epoch):
                chosen = order[index * self.batch : (index + 1) * self.batch]
                batch = shard((self.ids[chosen], self.mask[chosen], self.label[chosen]))
                self.state, self.keys = self.step(self.state, batch, self.keys)
                yield int(self.mask[chosen].sum())

    def score(self) -> float:
        """Log loss of the held-out elements; the last batch is filled up with repetitions."""
        logits = []
        for first in range(0, len(self.held), self.batch):
            chosen = np.resize(self.held[first : first + self.batch], self.batch)
            made = self.forward(self.state[0], shard((self.ids[chosen], self.mask[chosen])))
            rows = np.asarray(made).reshape(self.batch, -1)
            logits.append(rows[: len(self.held) - first])
        return log_loss(np.concatenate(logits), self.label[self.held])

    def wait(self) -> None:
        """Until the last step is done."""
        jax.block_until_ready(self.state)


def race(request: Request) -> dict[str, Any]:
    """The whole recipe, scored on the held-out elements."""
    recipe = Recipe(request)
    ends = clock.evaluations(recipe.steps_of_an_epoch, recipe.epochs, request.train["evaluations"])
    figures = clock.race(recipe.steps(), ends, recipe.wait, recipe.score)
    return figures | {
        "elements": len(recipe.held),
        "megabytes": peak_megabytes(),
        "device": jax.devices()[0].device_kind,
        "versions": {
            "transformers": transformers.__version__,
            "jax": jax.__version__,
            "flax": flax.__version__,
        },
    }


if __name__ == "__main__":
    answer({"race": race})
