"""Torch's side of bench/bundle_kernel.py, run by its own environment; prints JSON."""

import json
import sys
import time

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from transformers import AutoModelForTokenClassification


def batches(path: str, tokens: int):
    """Windows grouped by length, each batch of about `tokens` tokens, padded to its longest."""
    with np.load(path) as arrays:
        lengths, ids = arrays["lengths"], arrays["ids"]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    group: list[int] = []
    for window in np.argsort(lengths, kind="stable").tolist():
        if group and (len(group) + 1) * lengths[window] > tokens:
            yield _padded(group, lengths, ids, starts)
            group = []
        group.append(window)
    yield _padded(group, lengths, ids, starts)


def _padded(group, lengths, ids, starts):
    shape = (len(group), int(max(lengths[w] for w in group)))
    made, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    for row, window in enumerate(group):
        made[row, : lengths[window]] = ids[starts[window] : starts[window + 1]]
        mask[row, : lengths[window]] = 1
    return {"input_ids": torch.from_numpy(made), "attention_mask": torch.from_numpy(mask)}


def main(folder: str, windows: str, sizes: list[int]) -> None:
    """Predict all windows with each size of batch; print the seconds of the best, and of each."""
    model = AutoModelForTokenClassification.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    seconds = {}
    with torch.inference_mode():
        model(**next(batches(windows, sizes[0])))  # what is set up at the first call
        for size in sizes:
            began = time.perf_counter()
            for batch in batches(windows, size):
                torch.softmax(model(**batch).logits, dim=-1)
            seconds[size] = time.perf_counter() - began
    versions = {"torch": torch.__version__}
    print(json.dumps({"best": min(seconds.values()), "sizes": seconds, "versions": versions}))


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
