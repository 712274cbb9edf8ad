"""Torch's side, in an environment of its own: transformers' own class, batches grouped by length.

The objective is this project's: the mean of an element's token logits, cross entropy weighted by
the element's share. So are the optimizer, its rates and its schedule.
"""

import itertools
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import transformers
from transformers import AutoModelForTokenClassification

from bench.peers import clock
from bench.peers.request import Request, answer
from bench.peers.windows import Pool, Windows, grouped
from pipeline.memory import peak_megabytes


class Peer:
    """A model on its device, and batches for it."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.device = torch.device("cuda" if request.platform == "gpu" else request.platform)
        torch.manual_seed(request.train["seed"])
        torch.set_float32_matmul_precision("high")  # on a GPU JAX's own default, too
        whole = {"dtype": torch.bfloat16} if request.dtype == "bfloat16 weights" else {}
        chosen = {"attn_implementation": request.attention} if request.attention else {}
        self.model = AutoModelForTokenClassification.from_pretrained(
            request.backbone, num_labels=3, **whole, **chosen
        ).to(self.device)
        self.windows = Windows.load(request.data)

    def groups(self, windows: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
        """Batches of some of the windows."""
        lengths = self.windows.lengths[windows]
        return [windows[group] for group in grouped(lengths, self.request.area, rng)]

    def batch(self, group: np.ndarray) -> dict[str, torch.Tensor]:
        """One padded batch on the device."""
        arrays = self.windows.padded(group)
        return {name: torch.from_numpy(a).to(self.device) for name, a in arrays.items()}

    def precision(self) -> AbstractContextManager[Any]:
        """Autocast where it is asked for."""
        enabled = self.request.dtype == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def slot_sums(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Sums of token logits and counts of tokens, for every slot of the batch."""
        with self.precision():
            logits = self.model(input_ids=batch["ids"], attention_mask=batch["mask"]).logits
        flat, slot = logits.float().flatten(0, 1), batch["slot"].flatten()
        of_one = slot >= 0
        size = len(batch["label"])
        sums = flat.new_zeros(size, flat.shape[1]).index_add(0, slot[of_one], flat[of_one])
        return sums, torch.bincount(slot[of_one], minlength=size)

    def wait(self) -> None:
        """Until the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def machine(self) -> dict[str, Any]:
        """Memory, device and versions."""
        on_gpu = self.device.type == "cuda"
        peak = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else peak_megabytes()
        return {
            "megabytes": peak,
            "device": torch.cuda.get_device_name() if on_gpu else self.device.type,
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "attention": self.model.config._attn_implementation,
        }


class Trainer:
    """The optimizer as the configuration has it, one step for each batch."""

    def __init__(self, peer: Peer, total: int) -> None:
        peer.model.train()
        self._peer, self._clip = peer, peer.request.train["optimizer"]["clip"]
        options = peer.request.train["optimizer"]
        self._optimizer = torch.optim.AdamW(
            _parts(peer.model, options),
            betas=(options["b1"], options["b2"]),
            eps=options["eps"],
            fused=True,
        )
        warmup = round(options["warmup"] * total)

        def share(step: int) -> float:
            return (step + 1) / warmup if step < warmup else (total - step) / (total - warmup)

        self._schedule = torch.optim.lr_scheduler.LambdaLR(self._optimizer, share)

    def steps(self, groups: Iterator[np.ndarray]) -> Iterator[int]:
        """Real tokens of each step."""
        for group in groups:
            batch = self._peer.batch(group)
            sums, counts = self._peer.slot_sums(batch)
            means = sums / counts.clamp(min=1)[:, None]
            losses = torch.nn.functional.cross_entropy(means, batch["label"], reduction="none")
            loss = (losses * batch["weight"]).sum() / batch["weight"].sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self._peer.model.parameters(), self._clip)
            self._optimizer.step()
            self._schedule.step()
            self._optimizer.zero_grad()
            yield int(self._peer.windows.lengths[group].sum())


def _parts(model: torch.nn.Module, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Parameters by rate and decay: the head's own rate, no decay on biases and norms."""
    parts: dict[tuple[float, float], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        rate = options["head_rate" if name.startswith("classifier") else "backbone_rate"]
        bare = name.endswith("bias") or "norm" in name.lower()
        parts.setdefault((rate, 0.0 if bare else options["weight_decay"]), []).append(parameter)
    return [{"params": p, "lr": rate, "weight_decay": d} for (rate, d), p in parts.items()]


def train(request: Request) -> dict[str, Any]:
    """Speed of a training step."""
    peer = Peer(request)
    groups = peer.groups(np.flatnonzero(~peer.windows.held), np.random.default_rng(0))
    steps = itertools.islice(itertools.cycle(groups), request.steps + 1)
    trainer = Trainer(peer, request.steps + 1)
    return clock.speed(trainer.steps(steps), peer.wait) | peer.machine()


def predict(request: Request) -> dict[str, Any]:
    """Speed of a pass over all windows, after one over the longest batch."""
    peer = Peer(request)
    peer.model.eval()
    groups = peer.groups(np.arange(len(peer.windows.lengths)), np.random.default_rng(0))
    widest = max(groups, key=lambda group: peer.windows.lengths[group].max())

    def steps() -> Iterator[int]:
        for part in ([widest], groups):
            _pool(peer, part)
            yield sum(int(peer.windows.lengths[group].sum()) for group in part)

    return clock.speed(steps(), peer.wait) | peer.machine()


def _pool(peer: Peer, groups: list[np.ndarray]) -> Pool:
    pool = Pool()
    with torch.inference_mode():
        for group in groups:
            batch = peer.batch(group)
            sums, counts = peer.slot_sums(batch)
            parts = (batch["element"], batch["label"], sums, counts)
            pool.add(*(part.cpu().numpy() for part in parts))
    return pool


def race(request: Request) -> dict[str, Any]:
    """A whole training, scored on the held-out windows."""
    peer, options = Peer(request), request.train
    rng = np.random.default_rng(options["seed"])
    held, epochs = np.flatnonzero(peer.windows.held), options["epochs"]
    plans = [peer.groups(np.flatnonzero(~peer.windows.held), rng) for _ in range(epochs)]
    sizes = {len(groups) for groups in plans}
    assert len(sizes) == 1, "the same lengths, sorted, group alike in every epoch"
    trainer = Trainer(peer, epochs * sizes.copy().pop())
    asked = peer.groups(held, rng)
    pools: list[Pool] = []

    def score() -> float:
        peer.model.eval()
        pools.append(_pool(peer, asked))
        peer.model.train()
        return pools[-1].loss()

    steps = trainer.steps(itertools.chain.from_iterable(plans))
    ends = clock.evaluations(sizes.pop(), epochs, options["evaluations"])
    figures = clock.race(steps, ends, peer.wait, score)
    return figures | {"elements": len(pools[-1])} | peer.machine()


if __name__ == "__main__":
    answer({"train": train, "predict": predict, "race": race})
