"""Training speed against torch on the same windows: python -m bench.train_vs_torch --model minilm.

Both peers train the board's model on the same windows of data/tokens/<model>/train, from the same
backbone, with the same dropout, in turn: ours on packed rows under pmap, torch's own
BertForTokenClassification on batches of the same number of tokens, grouped by length and padded
to the longest of each. The figure is real tokens a second, padding not counted.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline import params, paths
from pipeline.inputs.tokens import read_tokens


def main() -> None:
    """Run the peers in turn and print a table with the ratio and its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8, help="of each peer in a round")
    parser.add_argument("--windows", type=int, default=1024, help="how many to draw from")
    parser.add_argument("--torch-python", default=".venv-parity/bin/python")
    parser.add_argument("--torch-dtype", default="float32", choices=["float32", "bfloat16"])
    arguments = parser.parse_args()
    board = params.load()
    rows = board.read(f"models.{arguments.model}.train", params.Train).rows
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "windows.npz"
        save_windows(arguments.model, arguments.windows, path)
        shared = [arguments.model, str(path), str(arguments.steps)]
        ours = [sys.executable, "-m", "bench.peer_jax", *shared]
        torch = [
            arguments.torch_python, "bench/peer_torch.py", str(paths.backbone(arguments.model)),
            str(path), str(arguments.steps), str(rows.per_step * rows.length),
            arguments.torch_dtype,
        ]  # fmt: skip
        rounds = [(run(ours), run(torch)) for _ in range(arguments.rounds)]
    report(rounds, arguments.torch_dtype)


def save_windows(model: str, count: int, path: Path) -> None:
    """Flat arrays of windows drawn evenly from the store, for a peer without this project."""
    tokens = read_tokens(paths.tokens(model, "train"))
    chosen = np.linspace(0, len(tokens) - 1, min(count, len(tokens))).astype(int)
    windows = [tokens.window(i) for i in chosen]
    np.savez(
        path,
        chosen=chosen,
        lengths=np.array([len(w.ids) for w in windows]),
        ids=np.concatenate([w.ids for w in windows]),
        label=np.concatenate([label_tokens(w) for w in windows]),
    )


def label_tokens(window) -> np.ndarray:
    """Each token's label, -100 (which torch's loss passes over) where it is of no element."""
    labels = np.append(window.label, -100)
    return labels[window.slot]


def run(command: list[str]) -> dict[str, float]:
    """One peer's figures, its last line of output."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def report(rounds: list[tuple[dict[str, float], dict[str, float]]], dtype: str) -> None:
    """Print medians, and the ratio round by round."""
    ratios = [ours["tokens_per_second"] / torch["tokens_per_second"] for ours, torch in rounds]
    print("| peer | real tokens/s, median | first step, s | peak memory, MB |")
    print("| --- | --- | --- | --- |")
    for index, name in enumerate(("this project, packed, pmap", f"torch, {dtype}, grouped")):
        median = {
            key: statistics.median(pair[index][key] for pair in rounds)
            for key in ("tokens_per_second", "first_step", "megabytes")
        }
        print(
            f"| {name} | {median['tokens_per_second']:,.0f} | {median['first_step']:.1f} "
            f"| {median['megabytes']:,.0f} |"
        )
    print(
        f"ratio: median {statistics.median(ratios):.2f}, "
        f"{min(ratios):.2f} to {max(ratios):.2f} over {len(ratios)} rounds"
    )


if __name__ == "__main__":
    main()
