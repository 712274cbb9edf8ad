"""The kernel's script on real essays beside torch: python -m bench.attention_kernel.

Runs the script on a bundle with the present code in its wheel, as Kaggle would, and torch's own
token classifier on the same windows and weights, grouped by length and padded to the longest of
each batch, in turn. The figure is seconds for all windows by one fold: the script's laps hold
reading the weights and packing too, and the first of them the compilation.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from pipeline import params, paths
from pipeline.bundle import contents, kernel, wheels
from pipeline.bundle.manifest import Origin, write_manifest
from pipeline.bundle.prepare import Reader, prepare
from pipeline.competition.hidden import Hidden
from pipeline.configuration import load_configuration
from pipeline.inputs.tokenizer import open_tokenizer

SIZES = ("512", "1024", "2048", "4096")  # tokens of torch's batches; its best counts


def main() -> None:
    """Print a table with the ratio round by round."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, default=paths.bundle())
    parser.add_argument("--competition", type=Path, default=Path("data/raw"))
    parser.add_argument("--model", default="minilm")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--python", default=sys.executable, help="that runs the kernel")
    parser.add_argument("--torch-python", default=".venv-parity/bin/python")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        mounts = mount(arguments.bundle, arguments.competition, Path(scratch) / "input")
        windows = save_windows(mounts, arguments.model, Path(scratch))
        folder = torch_folder(mounts / "bundle", arguments.model, Path(scratch) / "torch")
        print("| script, s | its first fold | a further fold | torch, best | ratio |")
        print("| --- | --- | --- | --- | --- |")
        ratios, runs = [], []
        for _ in range(arguments.rounds):
            told = run_kernel(arguments.python, mounts, Path(scratch))
            runs.append(told)
            laps = [lap["seconds"] for lap in told["laps"] if lap["part"] == arguments.model]
            further = statistics.median(laps[1:] or laps)
            torch = run_torch(arguments.torch_python, folder, windows)
            ratios.append(torch / further)
            print(
                f"| {told['seconds']:.1f} | {laps[0]:.1f} | {further:.1f} | {torch:.1f} "
                f"| {ratios[-1]:.2f} |",
                flush=True,
            )
    print(
        f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f}; "
        f"{runs[0]['rows']:,} elements, peak memory of the script "
        f"{max(told['peak_megabytes'] for told in runs):,} MB"
    )


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
    write_manifest(into / "bundle", Origin(**origin), manifest["log_loss"])
    (into / "competition").symlink_to(competition.absolute())
    return into


def save_windows(mounts: Path, model: str, scratch: Path) -> Path:
    """Flat arrays of all windows of the test essays, for a peer without this project."""
    bundle = mounts / "bundle"
    configuration = load_configuration(bundle / contents.PARAMETERS)
    inputs = configuration.read(f"models.{model}.inputs", params.Inputs)
    reader = Reader(open_tokenizer(contents.model(bundle, model)), inputs)
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
    fold = min(load_configuration(bundle / contents.PARAMETERS).read("folds", list))
    shutil.copy(contents.model(bundle, model) / "config.json", into)
    shutil.copy(contents.weights(bundle, model, fold), into)
    return into


def run_kernel(python: str, mounts: Path, scratch: Path) -> dict:
    """What the script tells of one run."""
    script, output = scratch / "kernel.py", scratch / "working"
    shutil.copy(kernel.__file__, script)
    output.mkdir(exist_ok=True)
    command = [python, str(script), "--input", str(mounts), "--output", str(output)]
    environment = {"PATH": os.environ["PATH"], "HOME": str(scratch)}
    subprocess.run(command, cwd=output, env=environment, check=True, capture_output=True)
    return json.loads((output / "inference.json").read_text())


def run_torch(python: str, folder: Path, windows: Path) -> float:
    """Torch's seconds with its best size of batch."""
    command = [python, "-m", "bench.peer_torch_predict", str(folder), str(windows), *SIZES]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return min(json.loads(done.stdout.strip().splitlines()[-1]).values())


if __name__ == "__main__":
    main()
