"""Times of what surrounds the steps, on params.yaml's data: python -m bench.inputs --model minilm.

Tokenization of all training essays; packing of every window into rows of several lengths, with the
share of tokens that are real beside what one window a row would give; and how long a process takes
from its start to the end of its first training step, with an empty and with a warm compile cache.
"""

import dataclasses
import os
import statistics
from time import perf_counter

from bench import frame, tables, turns
from bench.peers import configuration
from pipeline import params, paths
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.inputs.packing import fill, plan
from pipeline.inputs.tokens import read_tokens

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it misses torch; this doesn't

from pipeline.inputs.corpus import write_tokens

PARTS = ("tokenize", "pack", "start")


def main() -> None:
    """Print a table for each part."""
    parser = frame.parser(__doc__ or "", rounds=3)
    frame.add_model(parser)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048])
    arguments = parser.parse_args()
    if "tokenize" in arguments.parts:
        print(tokenization(arguments.model, arguments.rounds), end="\n\n", flush=True)
    if "pack" in arguments.parts:
        print(packing(arguments.model, arguments.lengths, arguments.rounds), end="\n\n", flush=True)
    figures: list[turns.Figures] = []
    if "start" in arguments.parts:
        figures = start(arguments.model, arguments.rounds)
        first, *later = tables.column(figures, "wall")
        rows = [["empty", f"{first:.1f}"]] + [["warm", tables.spread(later, ".1f")]] * bool(later)
        print(tables.table(("compile cache", "process start to end of first step, s"), rows))
    print(f"\n{tables.machine(figures)}")


def tokenization(model: str, rounds: int) -> str:
    """Clean essays to windows on disk."""
    inputs = load_configuration().read(f"models.{model}.inputs", params.Inputs)

    def once() -> turns.Figures:
        with frame.fresh() as (folder, _):
            clean, backbone = paths.clean("train"), paths.backbone(model)
            return {**write_tokens(clean, backbone, folder / "train", inputs, TASK)}

    (found,) = turns.take_turns([("tokenize", once)], rounds)
    made, seconds = found[0], tables.column(found, "wall")
    row = [f"{made['essays']:,}", f"{made['tokens']:,}", tables.spread(seconds, ".1f")]
    row.append(tables.spread([made["tokens"] / s for s in seconds], ",.0f"))
    return tables.table(("essays", "tokens", "seconds", "tokens/s"), [row])


def packing(model: str, lengths: list[int], rounds: int) -> str:
    """Every window into rows, as an epoch does."""
    rows = load_configuration().read(f"models.{model}.train", params.Train).rows
    tokens = read_tokens(paths.tokens(model, "train"))
    table = []
    for length in lengths:
        slots = rows.slots * max(1, length // rows.length)
        shape = dataclasses.replace(rows, length=length, slots=slots)
        plans, seconds = [], []
        for epoch in range(rounds):
            began = perf_counter()
            plans.append(plan(tokens.lengths, tokens.n_slots, shape, seed=1, epoch=epoch))
            seconds.append(perf_counter() - began)
        share = statistics.mean(fill(tokens.lengths, made, length) for made in plans)
        alone = tokens.lengths.sum() / (len(tokens) * length)
        row = [f"{length:,}", f"{len(plans[0]):,}", f"{share:.2%}", f"{alone:.2%}"]
        table.append([*row, tables.spread(seconds)])
    header = ("row length", "rows", "real tokens, packed", "one window a row", "s an epoch")
    return tables.table(header, table)


def start(model: str, rounds: int) -> list[turns.Figures]:
    """Processes that end with the first step; the first one finds an empty compile cache."""
    comparison = configuration.Comparison(model, "cpu")
    with frame.fresh() as (folder, environment):
        data = folder / "windows.npz"
        comparison.whole(50, data)
        request = comparison.request("train", data, "float32")
        peer = configuration.ours(request, environment)
        return turns.in_turn([peer], rounds + 1)[0]


if __name__ == "__main__":
    exit_with_message(main)
