"""How full packed rows are, on the board's own tokens: python -m bench.packing --model minilm.

Packs every training window into rows of several lengths, as an epoch does, and prints the share
of tokens that are real beside what one window a row, padded to the row, would give.
"""

import argparse
import dataclasses
import statistics
import time

from pipeline import params, paths
from pipeline.inputs.packing import fill, plan
from pipeline.inputs.tokens import read_tokens


def main() -> None:
    """Print a line for each row length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    rows = params.load().read(f"models.{arguments.model}.train", params.Train).rows
    tokens = read_tokens(paths.tokens(arguments.model, "train"))
    print(
        f"{len(tokens):,} windows, {tokens.lengths.sum():,} tokens, longest {tokens.lengths.max()}"
    )
    print("| row length | rows | real tokens, packed | one window a row | seconds an epoch |")
    print("| --- | --- | --- | --- | --- |")
    for length in arguments.lengths:
        slots = rows.slots * max(1, length // rows.length)
        shape = dataclasses.replace(rows, length=length, slots=slots)
        began = time.perf_counter()
        plans = [
            plan(tokens.lengths, tokens.n_slots, shape, seed=1, epoch=epoch)
            for epoch in range(arguments.epochs)
        ]
        seconds = (time.perf_counter() - began) / arguments.epochs
        share = statistics.mean(fill(tokens.lengths, made, length) for made in plans)
        alone = tokens.lengths.sum() / (len(tokens) * length)
        print(f"| {length:,} | {len(plans[0]):,} | {share:.2%} | {alone:.2%} | {seconds:.2f} |")


if __name__ == "__main__":
    main()
