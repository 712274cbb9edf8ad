"""Writes golden/adamw.npz: torch's AdamW over parameter groups, with clipping and the schedule.

Run where torch is installed: python -m tests.training.make_golden
"""

import math
from pathlib import Path

import numpy as np
import torch

PATH = Path(__file__).parent / "golden" / "adamw.npz"
STEPS, WARMUP, LAYERS = 8, 2, 3
BACKBONE, HEAD, DECAY, WEIGHT_DECAY, CLIP = 1e-2, 5e-2, 0.5, 0.1, 1.0
SHAPES = {
    "encoder/embeddings/word/embedding": (5, 4),
    "encoder/embeddings/norm/scale": (4,),
    "encoder/layers/dense/kernel": (LAYERS, 4, 4),
    "encoder/layers/dense/bias": (LAYERS, 4),
    "classifier/kernel": (4, 3),
    "classifier/bias": (3,),
}


def shares(schedule: str) -> list[float]:
    """Share of the peak rate at each step, by hand: up over two steps, then down to zero."""
    left = [(STEPS - step) / (STEPS - WARMUP) for step in range(WARMUP, STEPS)]
    if schedule == "cosine":
        left = [0.5 * (1 + math.cos(math.pi * (1 - share))) for share in left]
    return [0.5, 1.0, *left]


def run(values: dict[str, np.ndarray], gradients: list[dict], schedule: str) -> dict:
    """Every layer of a stacked leaf is a parameter of its own, in a group of its own rate."""
    pieces = {}
    for name, value in values.items():
        parts = value if name.startswith("encoder/layers") else value[None]
        pieces[name] = [torch.nn.Parameter(torch.tensor(part)) for part in parts]
    groups = []
    for name, parts in pieces.items():
        for layer, part in enumerate(parts):
            rate = HEAD if name.startswith("classifier") else BACKBONE * DECAY**LAYERS
            if name.startswith("encoder/layers"):
                rate = BACKBONE * DECAY ** (LAYERS - 1 - layer)
            plain = name.endswith(("bias", "scale"))
            groups.append(
                {"params": [part], "lr": rate, "weight_decay": 0.0 if plain else WEIGHT_DECAY}
            )
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8)
    factors = shares(schedule)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: factors[min(step, 7)])
    for gradient in gradients:
        for name, parts in pieces.items():
            grads = gradient[name] if name.startswith("encoder/layers") else gradient[name][None]
            for part, grad in zip(parts, grads, strict=True):
                part.grad = torch.tensor(grad)
        torch.nn.utils.clip_grad_norm_([p for parts in pieces.values() for p in parts], CLIP)
        optimizer.step()
        scheduler.step()
    return {
        name: np.stack([part.detach().numpy() for part in parts]).reshape(values[name].shape)
        for name, parts in pieces.items()
    }


def main() -> None:
    """Draw values and gradients, run torch, save all of it."""
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    scales = [0.05, 2.0, 0.3, 1.0, 0.01, 0.4, 3.0, 0.2]  # some gradients are clipped, some not
    gradients = [
        {
            name: (scale * rng.normal(size=shape)).astype(np.float32)
            for name, shape in SHAPES.items()
        }
        for scale in scales
    ]
    arrays = {f"value/{name}": value for name, value in values.items()}
    for step, gradient in enumerate(gradients):
        arrays |= {f"gradient{step}/{name}": value for name, value in gradient.items()}
    for schedule in ("linear", "cosine"):
        after = run(values, gradients, schedule)
        arrays |= {f"{schedule}/{name}": value for name, value in after.items()}
    PATH.parent.mkdir(exist_ok=True)
    np.savez_compressed(PATH, **arrays)


if __name__ == "__main__":
    main()
