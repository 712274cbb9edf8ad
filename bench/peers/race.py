"""Time to a log loss beside torch and the seed: python -m bench.peers.race --model minilm.

Each peer trains on the same fraction of one fold's essays, one after another, and is scored on
the same held-out essays, with the clock stopped. This project and torch train as params.yaml says,
with the same objective, rates and schedule. The seed's recipe is FlaxAutoModel of transformers
4.57.6 under pmap on each element alone, padded to 128 tokens, at a rate of 2e-5 with AdamW and
linear decay. Seconds count from the first step, its compilation included. `make peers` makes the
two environments.
"""

import argparse
import dataclasses
from collections.abc import Mapping
from pathlib import Path

from bench import frame, tables, turns
from bench.peers import clock, configuration
from bench.peers.elements import save_elements
from pipeline import paths
from pipeline.errors import exit_with_message
from pipeline.files import read_json

PEERS = ("ours", "torch", "seed")
HEADER = (
    "peer", "real tokens/s", "s an epoch", "first step, s", "memory, MB", "best log loss",
    "after s", "at the end", "s to {target:.4f}",
)  # fmt: skip


def main() -> None:
    """Print the table, every curve, and the machine."""
    parser = frame.parser(__doc__ or "")
    frame.add_model(parser)
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(PEERS))
    parser.add_argument("--dtypes", nargs="+", default=["float32"], help="of ours and torch's")
    parser.add_argument("--fraction", type=float, default=1.0, help="of the fold's essays")
    parser.add_argument("--epochs", type=int, help="of ours and torch's; params.yaml's by default")
    parser.add_argument("--evaluations", type=int, default=4, help="per epoch")
    parser.add_argument("--seed-epochs", type=int, default=5)
    parser.add_argument("--seed-batch", type=int, default=256, help="elements of a step")
    parser.add_argument("--seed-length", type=int, default=128, help="tokens of an element")
    parser.add_argument("--target", type=float, help="log loss; the last peer's best by default")
    frame.add_platform(parser, "cpu")
    frame.add_torch(parser)
    parser.add_argument("--seed-python", default=configuration.SEED)
    arguments = parser.parse_args()
    with frame.fresh() as (folder, environment):
        comparison = configuration.Comparison(arguments.model, arguments.platform)
        peers = prepare(arguments, comparison, folder, environment)
        figures = [own[0] for own in turns.in_turn(peers, rounds=1)]
    report(peers, figures, arguments.target)


def prepare(
    arguments: argparse.Namespace,
    comparison: configuration.Comparison,
    folder: Path,
    environment: Mapping[str, str],
) -> list[turns.Peer]:
    """Write the data files; return the peers that are asked for."""
    data, elements = folder / "windows.npz", folder / "elements.npz"
    windows = comparison.divided(arguments.fraction, data)
    essay_ids = comparison.tokens().essay_ids
    essays = [essay_ids[i] for i in windows.number]
    held = [essay_ids[i] for i in windows.number[windows.held]]
    backbone = paths.backbone(arguments.model)
    count = save_elements(backbone, essays, held, arguments.seed_length, elements)
    print(
        f"{arguments.model}, fold {comparison.fold} held out, fraction {arguments.fraction:g}: "
        f"{len(set(essays) - set(held)):,} essays to train on, {len(set(held)):,} held out, "
        f"{count:,} elements\n"
    )
    options = dataclasses.replace(
        comparison.train,
        epochs=arguments.epochs or comparison.train.epochs,
        evaluations=arguments.evaluations,
    )
    rows, train = options.rows, dataclasses.asdict(options)
    asked = [
        comparison.request("race", data, dtype, train=train, area=rows.per_step * rows.length)
        for dtype in arguments.dtypes
    ]
    recipe = dataclasses.replace(
        comparison.request("race", elements, "float32", batch=arguments.seed_batch),
        backbone=str(published(arguments.model)),
        train=train | {"epochs": arguments.seed_epochs},
    )
    made = {
        "ours": [configuration.ours(request, environment) for request in asked],
        "torch": [configuration.torch(request, arguments.torch_python) for request in asked],
        "seed": [configuration.seed(recipe, arguments.seed_python)],
    }
    return [peer for kind in arguments.peers for peer in made[kind]]


def published(model: str) -> Path:
    """The checkpoint as it was published, pooler and all; the backbone where it came otherwise."""
    source = Path(read_json(paths.backbone(model) / "origin.json")["source"]).expanduser()
    return source if (source / "model.safetensors").is_file() else paths.backbone(model)


def report(peers: list[turns.Peer], figures: list[turns.Figures], target: float | None) -> None:
    """Print the table; the target is the last peer's best where none is given."""
    if len({figure["elements"] for figure in figures}) > 1:
        raise ValueError("the peers were not scored on the same number of elements")
    if target is None:
        target = best(figures[-1])[1]
    rows = [row(peer, figure, target) for peer, figure in zip(peers, figures, strict=True)]
    print(tables.table([name.format(target=target) for name in HEADER], rows), end="\n\n")
    for peer, figure in zip(peers, figures, strict=True):
        points = ", ".join(f"{loss:.4f} at {seconds:,.0f} s" for seconds, loss in figure["curve"])
        print(f"- {peer.name}: {points}")
    print(f"\n{figures[0]['elements']:,} held-out elements; {tables.machine(figures)}")


def best(figure: turns.Figures) -> tuple[float, float]:
    """Seconds and log loss of the lowest point of a curve."""
    seconds, loss = min(figure["curve"], key=lambda point: point[1])
    return seconds, loss


def row(peer: turns.Peer, figure: turns.Figures, target: float) -> list[str]:
    """One peer's figures."""
    seconds, loss = best(figure)
    there = clock.reached(figure["curve"], target)
    return [
        peer.name,
        f"{figure['tokens_per_second']:,.0f}",
        f"{figure['curve'][-1][0] / peer.request['train']['epochs']:,.0f}",
        f"{figure['first_step']:.1f}",
        f"{figure['megabytes']:,.0f}",
        f"{loss:.4f}",
        f"{seconds:,.0f}",
        f"{figure['curve'][-1][1]:.4f}",
        "never" if there is None else f"{there:,.0f}",
    ]


if __name__ == "__main__":
    exit_with_message(main)
