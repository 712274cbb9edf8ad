"""How cost grows: python -m bench.scaling --model minilm.

Steps a second over 1, 2, 4 and 8 simulated devices; seconds of an epoch and of a pass of
predictions over one, two and four times as many essays; tokens a second in longer rows; seconds to
compile with more layers. Each is this project's own step on params.yaml's model and essays in turn.
Simulated devices share the machine's cores: beyond as many as there are, efficiency says only what
the split itself costs.
"""

import argparse
import dataclasses
import functools

from bench import frame, tables, turns
from bench.peers import configuration
from pipeline.errors import UserError, exit_with_message
from pipeline.params import Train

PARTS = ("devices", "essays", "rows", "depth")


def main() -> None:
    """Print a table for each part."""
    parser = frame.parser(__doc__ or "", rounds=3)
    frame.add_model(parser)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--steps", type=int, default=6, help="of training, in a round")
    parser.add_argument("--essays", type=int, default=50, help="of the smallest number of essays")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048])
    parser.add_argument("--layers", type=int, nargs="+", default=[2, 6, 12, 24])
    arguments = parser.parse_args()
    comparison = configuration.Comparison(arguments.model, "cpu")
    check(comparison.train, arguments)
    parts = {"devices": over_devices, "essays": over_essays, "rows": over_rows, "depth": over_depth}
    figures = []
    for part in arguments.parts:
        figures += parts[part](comparison, arguments)
        print(flush=True)
    print(tables.machine(figures))


def check(train: Train, options: argparse.Namespace) -> None:
    """Check, before anything is measured, that the configuration's steps can be cut as asked.

    Raises:
      UserError: a step's rows can't be split over so many devices, or can't be joined to rows of
        such a length.
    """
    rows = train.rows
    if "devices" in options.parts:
        for count in options.devices:
            if rows.per_step % (count * train.accumulation):
                raise UserError(
                    f"--devices {count}: rows.per_step {rows.per_step} cannot be split over "
                    f"{count} device(s) x {train.accumulation} accumulation step(s)"
                )
    if "rows" in options.parts:
        for length in options.lengths:
            if length % rows.length or rows.per_step % (length // rows.length):
                raise UserError(
                    f"--lengths {length}: rows.per_step {rows.per_step} of {rows.length} tokens "
                    "cannot be joined to whole rows of this length"
                )


def over_devices(
    comparison: configuration.Comparison, options: argparse.Namespace
) -> list[turns.Figures]:
    """Steps a second over simulated devices."""
    with frame.fresh() as (folder, environment):
        comparison.whole(8 * options.essays, folder / "windows.npz")
        asked = comparison.request("train", folder / "windows.npz", "float32", steps=options.steps)
        peers = [
            configuration.ours(dataclasses.replace(asked, devices=count), environment)
            for count in options.devices
        ]
        found = turns.in_turn(peers, options.rounds)
    speeds = [tables.column(own, "steps_per_second") for own in found]
    cores = tables.cores()
    rows = []
    for count, own, speed in zip(options.devices, found, speeds, strict=True):
        times = tables.ratios(speed, speeds[0])
        reachable = min(count, cores) / min(options.devices[0], cores)
        rows.append(
            [
                str(count),
                tables.spread(speed, ".3f"),
                tables.spread(times),
                tables.spread([t * options.devices[0] / count for t in times], ".0%"),
                tables.spread([t / reachable for t in times], ".0%"),
                tables.spread(tables.column(own, "megabytes"), ",.0f"),
            ]
        )
    header = (
        "simulated devices", "steps/s", f"times that of {options.devices[0]}",
        "efficiency", f"efficiency on {cores} cores", "memory, MB",
    )  # fmt: skip
    print(tables.table(header, rows))
    return [figure for own in found for figure in own]


def over_essays(
    comparison: configuration.Comparison, options: argparse.Namespace
) -> list[turns.Figures]:
    """Seconds of one epoch, and of a pass of predictions, over more and more essays."""
    counts = [options.essays * times for times in (1, 2, 4)]
    found, rows = [], []
    with frame.fresh() as (folder, environment):
        made = []
        for count in counts:
            data = folder / f"{count}.npz"
            windows = comparison.whole(count, data)
            for task in ("epoch", "predict"):
                asked = comparison.request(task, data, "float32")
                made.append((count, task, windows, configuration.ours(asked, environment)))
        found = turns.in_turn([peer for *_, peer in made], options.rounds)
    first: dict[str, list[float]] = {}
    for (count, task, windows, _), own in zip(made, found, strict=True):
        tokens = windows.lengths.sum()
        seconds = [tokens / speed for speed in tables.column(own, "tokens_per_second")]
        times = tables.ratios(seconds, first.setdefault(task, seconds))
        row = [task, f"{count:,}", f"{tokens:,}", tables.spread(seconds, ".1f")]
        rows.append([*row, tables.spread(times), f"{count / counts[0]:.0f}"])
    rows.sort(key=lambda row: row[0])
    header = ("what", "essays", "tokens", "seconds", "times the first", "times the essays")
    print(tables.table(header, rows))
    return [figure for own in found for figure in own]


def over_rows(
    comparison: configuration.Comparison, options: argparse.Namespace
) -> list[turns.Figures]:
    """Tokens a second where the same tokens stand in fewer, longer rows."""
    with frame.fresh() as (folder, environment):
        comparison.whole(8 * options.essays, folder / "windows.npz")
        rows = comparison.train.rows
        peers = []
        for length in options.lengths:
            times = length // rows.length
            longer = dataclasses.replace(
                rows, length=length, per_step=rows.per_step // times, slots=rows.slots * times
            )
            train = dataclasses.asdict(dataclasses.replace(comparison.train, rows=longer))
            asked = comparison.request(
                "train", folder / "windows.npz", "float32", steps=options.steps, train=train
            )
            peers.append((longer, configuration.ours(asked, environment)))
        found = turns.in_turn([peer for _, peer in peers], options.rounds)
    speeds = [tables.column(own, "tokens_per_second") for own in found]
    table = [
        [
            f"{shape.per_step} x {shape.length:,}",
            tables.spread(speed, ",.0f"),
            tables.spread(tables.ratios(speed, speeds[0])),
            tables.spread(tables.column(own, "megabytes"), ",.0f"),
        ]
        for (shape, _), speed, own in zip(peers, speeds, found, strict=True)
    ]
    print(tables.table(("rows", "real tokens/s", "times the first", "memory, MB"), table))
    return [figure for own in found for figure in own]


def over_depth(
    comparison: configuration.Comparison, options: argparse.Namespace
) -> list[turns.Figures]:
    """Seconds to trace and to compile with more layers; nothing is cached."""

    def compiled_anew(layers: int) -> turns.Figures:
        with frame.fresh() as (_, environment):
            request = {"model": comparison.model, "layers": layers}
            name = f"{layers} layers"
            return turns.run(turns.Peer(name, "bench.depth", request, environment=environment))

    sides = [(f"{n} layers", functools.partial(compiled_anew, n)) for n in options.layers]
    found = turns.take_turns(sides, options.rounds)
    compiled = [tables.column(own, "compile") for own in found]
    rows = [
        [
            str(layers),
            tables.spread(tables.column(own, "trace"), ".1f"),
            tables.spread(seconds, ".1f"),
            tables.spread(tables.ratios(seconds, compiled[0])),
        ]
        for layers, own, seconds in zip(options.layers, found, compiled, strict=True)
    ]
    print(tables.table(("layers", "trace, s", "compile, s", "times the first"), rows))
    return [figure for own in found for figure in own]


if __name__ == "__main__":
    exit_with_message(main)
