"""Writes golden/adamw*.npz: torch's AdamW over parameter groups, with clipping and the schedule.

Run where torch is installed: python -m tests.training.make_golden
"""

import math
from pathlib import Path

import numpy as np
import torch

GOLDEN = Path(__file__).parent / "golden"
STEPS, WARMUP = 8, 2
WEIGHT_DECAY, CLIP = 0.1, 1.0
# Each leaf's shape and the rate of what stands along its leading axis, or of the whole of it.
SCANNED = {
    "encoder/embeddings/word/embedding": ((5, 4), 0.00125),
    "encoder/embeddings/norm/scale": ((4,), 0.00125),
    "encoder/layers/dense/kernel": ((3, 4, 4), [0.0025, 0.005, 0.01]),
    "encoder/layers/dense/bias": ((3, 4), [0.0025, 0.005, 0.01]),
    "classifier/kernel": ((4, 3), 0.05),
    "classifier/bias": ((3,), 0.05),
}
# Five layers: the first alone, then two blocks of two; a norm after the last; a dense head.
BLOCKED = {
    "encoder/embeddings/word/embedding": ((5, 4), 0.0003125),
    "encoder/layer_0/dense/kernel": ((4, 4), 0.000625),
    "encoder/blocks/0/dense/kernel": ((2, 4, 4), [0.00125, 0.005]),
    "encoder/blocks/1/dense/kernel": ((2, 4, 4), [0.0025, 0.01]),
    "encoder/blocks/1/norm/scale": ((2, 4), [0.0025, 0.01]),
    "encoder/final_norm/scale": ((4,), 0.01),
    "head/dense/kernel": ((4, 4), 0.05),
    "classifier/kernel": ((4, 3), 0.05),
}


def shares(schedule: str) -> list[float]:
    """Share of the peak rate at each step, by hand: up over two steps, then down to zero."""
    left = [(STEPS - step) / (STEPS - WARMUP) for step in range(WARMUP, STEPS)]
    if schedule == "cosine":
        left = [0.5 * (1 + math.cos(math.pi * (1 - share))) for share in left]
    return [0.5, 1.0, *left]


def apart(tree: dict, name: str, value: np.ndarray) -> np.ndarray:
    """Along the leading axis what has rates of its own."""
    return value if isinstance(tree[name][1], list) else value[None]


def run(tree: dict, values: dict[str, np.ndarray], gradients: list[dict], schedule: str) -> dict:
    """Every layer of a stacked leaf is a parameter of its own, in a group of its own rate."""
    pieces = {
        name: [torch.nn.Parameter(torch.tensor(part)) for part in apart(tree, name, value)]
        for name, value in values.items()
    }
    groups = []
    for name, parts in pieces.items():
        rates = tree[name][1]
        for part, rate in zip(parts, rates if isinstance(rates, list) else [rates], strict=True):
            plain = name.endswith(("bias", "scale"))
            groups.append(
                {"params": [part], "lr": rate, "weight_decay": 0.0 if plain else WEIGHT_DECAY}
            )
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
    factors = shares(schedule)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factors[min(step, 7)])
    for gradient in gradients:
        for name, parts in pieces.items():
            for part, grad in zip(parts, apart(tree, name, gradient[name]), strict=True):
                part.grad = torch.tensor(grad)
        torch.nn.utils.clip_grad_norm_([p for parts in pieces.values() for p in parts], CLIP)
        optimizer.step()
        scheduler.step()
    return {
        name: np.stack([part.detach().numpy() for part in parts]).reshape(values[name].shape)
        for name, parts in pieces.items()
    }


def write(tree: dict, path: Path) -> None:
    """Draw values and gradients, run torch, save all of it."""
    rng = np.random.default_rng(0)
    shapes = {name: shape for name, (shape, _) in tree.items()}
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    scales = [0.05, 2.0, 0.3, 1.0, 0.01, 0.4, 3.0, 0.2]  # some gradients are clipped, some not
    gradients = [
        {
            name: (scale * rng.normal(size=shape)).astype(np.float32)
            for name, shape in shapes.items()
        }
        for scale in scales
    ]
    arrays = {f"value/{name}": value for name, value in values.items()}
    for step, gradient in enumerate(gradients):
        arrays |= {f"gradient{step}/{name}": value for name, value in gradient.items()}
    for schedule in ("linear", "cosine"):
        after = run(tree, values, gradients, schedule)
        arrays |= {f"{schedule}/{name}": value for name, value in after.items()}
    path.parent.mkdir(exist_ok=True)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    write(SCANNED, GOLDEN / "adamw.npz")
    write(BLOCKED, GOLDEN / "adamw_blocked.npz")
