"""Torch's side of bench/train_vs_torch.py, run by its own environment; prints JSON."""

import json
import resource
import sys
import time

import numpy as np
import torch
from transformers import AutoModelForTokenClassification


def batches(path: str, tokens: int, rng: np.random.Generator):
    """Windows grouped by length, each batch of about `tokens` tokens, padded to its longest."""
    with np.load(path) as arrays:
        lengths, ids, label = arrays["lengths"], arrays["ids"], arrays["label"]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    order, groups, group = np.argsort(lengths, kind="stable"), [], []
    for window in order:
        group.append(window)
        if len(group) * lengths[window] >= tokens:
            groups.append(group)
            group = []
    for index in rng.permutation(len(groups)):
        longest = max(lengths[w] for w in groups[index])
        shape = (len(groups[index]), int(longest))
        batch = {
            "input_ids": np.zeros(shape, np.int64),
            "attention_mask": np.zeros(shape, np.int64),
            "labels": np.full(shape, -100, np.int64),
        }
        for row, window in enumerate(groups[index]):
            there, length = slice(starts[window], starts[window + 1]), lengths[window]
            batch["input_ids"][row, :length] = ids[there]
            batch["attention_mask"][row, :length] = 1
            batch["labels"][row, :length] = label[there]
        yield {name: torch.from_numpy(array) for name, array in batch.items()}


def main(folder: str, path: str, steps: int, tokens: int, dtype: str) -> None:
    """Train `steps` steps after the first one and print the speed."""
    model = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5)
    real, began, first = 0, time.perf_counter(), 0.0
    stream = batches(path, tokens, np.random.default_rng(0))
    for index, batch in enumerate(stream):
        if index > steps:
            break
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if index == 0:
            first = time.perf_counter() - began
            began = time.perf_counter()
        else:
            real += int(batch["attention_mask"].sum())
    seconds = time.perf_counter() - began
    figures = {
        "tokens_per_second": real / seconds,
        "first_step": first,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
