"""The kernel's script on real essays beside torch: python -m bench.bundle_kernel.

Runs the script on a bundle with the present code in its wheel, as Kaggle would, and torch's own
token classifier on the same windows and weights, grouped by length and padded to the longest of
each batch, in turn. The figure is seconds for all windows by one fold: the script's laps hold
reading the weights and packing too, and the first of them the compilation.
"""

import functools
import json
import os
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from bench import frame, tables, turns
from pipeline import params, paths
from pipeline.bundle import contents, kernel, wheels
from pipeline.bundle.manifest import BundleOrigin, write_manifest
from pipeline.bundle.predicting import predicting_units
from pipeline.bundle.prepare import Reader, prepare
from pipeline.competition.hidden import Hidden
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.inputs.tokenizer import open_tokenizer

SIZES = (512, 1024, 2048, 4096)  # tokens of torch's batches; its best counts


def main() -> None:
    """Print a table, the ratio to torch round by round, and the machine."""
    parser = frame.parser(__doc__ or "", rounds=3)
    frame.add_model(parser, "minilm")
    frame.add_torch(parser)
    parser.add_argument("--bundle", type=Path, default=paths.bundle())
    parser.add_argument("--competition", type=Path, default=Path("data/raw"))
    parser.add_argument("--python", default=sys.executable, help="that runs the kernel")
    arguments = parser.parse_args()
    with frame.fresh() as (scratch, _):
        mounts = mount(arguments.bundle, arguments.competition, scratch / "input")
        request = {
            "folder": str(torch_folder(mounts / "bundle", arguments.model, scratch / "torch")),
            "windows": str(save_windows(mounts, arguments.model, scratch)),
            "sizes": SIZES,
        }
        peer = turns.Peer("torch", "bench.peer_torch_predict", request, arguments.torch_python)
        sides = [
            ("script", functools.partial(run_kernel, arguments.python, mounts, scratch)),
            ("torch", functools.partial(turns.run, peer)),
        ]
        told, theirs = turns.take_turns(sides, arguments.rounds)
    laps = [
        [lap["seconds"] for lap in one["laps"] if lap["part"] == arguments.model] for one in told
    ]
    further = [statistics.median(own[1:] or own) for own in laps]
    best = tables.column(theirs, "best")
    columns = {
        "script, s": tables.column(told, "seconds"),
        "its first fold": [own[0] for own in laps],
        "a further fold": further,
        "torch, best": best,
    }
    row = [tables.spread(values, ",.1f") for values in columns.values()]
    ratio = tables.spread(tables.ratios(best, further))
    print(tables.table((*columns, "ratio"), [[*row, ratio]]), end="\n\n")
    memory = max(tables.column(told, "peak_megabytes"))
    print(f"{told[0]['rows']:,} elements, peak memory of the script {memory:,.0f} MB")
    print(tables.machine(theirs))


def mount(bundle: Path, competition: Path, into: Path) -> Path:
    """Inputs as Kaggle mounts them, the bundle's own wheel built from the present code."""
    shutil.copytree(bundle, into / "bundle")
    target = into / "bundle" / kernel.WHEELS
    for old in target.glob("effective_arguments-*.whl"):
        old.unlink()
    wheels.build_own(Path(), target)
    manifest = json.loads((into / "bundle" / kernel.MANIFEST).read_text())
    (into / "bundle" / kernel.MANIFEST).unlink()
    origin = {key: manifest[key] for key in ("commit", "lock", "parameters", "recipe")}
    write_manifest(into / "bundle", BundleOrigin(**origin), manifest["log_loss"])
    (into / "competition").symlink_to(competition.absolute())
    return into


def save_windows(mounts: Path, model: str, scratch: Path) -> Path:
    """Flat arrays of all windows of the test essays, for a peer without this project."""
    bundle = mounts / "bundle"
    configuration = load_configuration(bundle / contents.PARAMETERS)
    inputs = configuration.read(f"models.{model}.inputs", params.Inputs)
    reader = Reader(open_tokenizer(contents.model(bundle, model), TASK), inputs)
    hidden = Hidden(mounts / "competition")
    cleaning = configuration.read("clean", params.Clean)
    tokens = prepare(hidden, cleaning, {model: reader}, [], scratch).tokens(model)
    ids = [tokens.window(i).ids for i in range(len(tokens))]
    path = scratch / "windows.npz"
    np.savez(path, lengths=np.array([len(one) for one in ids]), ids=np.concatenate(ids))
    return path


def torch_folder(bundle: Path, model: str, into: Path) -> Path:
    """One fold as torch opens it."""
    into.mkdir()
    unit = predicting_units(load_configuration(bundle / contents.PARAMETERS), model)[0]
    shutil.copy(contents.model(bundle, model) / "config.json", into)
    shutil.copy(contents.weights(bundle, model, unit), into)
    return into


def run_kernel(python: str, mounts: Path, scratch: Path) -> turns.Figures:
    """Run the script; return what it tells."""
    script, output = scratch / "kernel.py", scratch / "working"
    shutil.copy(kernel.__file__, script)
    output.mkdir(exist_ok=True)
    command = [python, str(script), "--input", str(mounts), "--output", str(output)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    subprocess.run(command, cwd=output, env=environment, check=True, capture_output=True)
    return json.loads((output / "inference.json").read_text())


if __name__ == "__main__":
    exit_with_message(main)
