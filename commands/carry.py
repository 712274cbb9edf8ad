"""Train on a machine that has neither DVC nor the data, for minutes only.

`python -m commands.carry pack` puts code, parameters and inputs of models into one archive.
Unpacked over there, `python -m commands.carry train` runs their stages from pre-training to test
predictions in one process, and leaves two CSV files a model, which `members` of params.yaml takes
at home. Run again it goes on where it stopped.
"""

import argparse
import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import paths
from pipeline.bases import bases
from pipeline.bundle import carried
from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_units import configured_units, trained_units
from pipeline.errors import UserError, exit_with_message
from pipeline.params import Model, Pretrain
from pipeline.progress import say
from pipeline.tables.elements import read_elements, read_test_ids
from pipeline.tables.gather import folds_of_tests, gather_folds, gather_tests
from pipeline.tables.submission import write_probabilities
from pipeline.teachers import Teaching, students


def main(argv: Sequence[str] | None = None) -> None:
    """Pack here, or train there."""
    parser = argparse.ArgumentParser(
        prog="commands.carry",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    packing = verbs.add_parser("pack", help="write the archive")
    training = verbs.add_parser("train", help="train, predict, write the CSV files")
    for verb in (packing, training):
        verb.add_argument(
            "--models", nargs="+", required=True, help="keys of models, in this order"
        )
    packing.add_argument("--into", type=Path, required=True, help="the archive, a .tar.xz")
    packing.add_argument("--half", action="store_true", help="round backbones to bfloat16")
    training.add_argument("--out", type=Path, required=True, help="folder of the CSV files")
    arguments = parser.parse_args(argv)
    configuration = load_configuration()
    models = [configuration.named("models", model) for model in arguments.models]
    _check_teachers(models, students(configuration.whole))
    if arguments.verb == "pack":
        size = carried.pack(configuration, models, arguments.into, half=arguments.half)
        say(f"{arguments.into}: {size / 2**20:.1f} MB")
        return
    carried.check_unchanged(configuration)
    for model in models:
        _train(configuration, model)
        _write(configuration, model, arguments.out)


def _check_teachers(models: Sequence[str], learning: Mapping[str, Teaching]) -> None:
    """Hold each model that learns from another to come after it.

    Raises:
      UserError: one doesn't.
    """
    for place, model in enumerate(models):
        if model in learning and (teacher := learning[model].teacher) not in models[:place]:
            raise UserError(
                f"--models: {model} learns from {teacher}; expected {teacher} before it"
            )


def _train(configuration: Configuration, model: str) -> None:
    """Run the stages of a model that have left nothing here yet."""
    keys = list(bases(configuration, model))
    for key in reversed(keys):
        _backbone(configuration.read(f"pretrain.{key}", Pretrain).base)
        if not paths.pretrained(key).is_dir():
            _run("pretrain", "--name", key)
    _backbone(model)
    if not paths.tokens(model, "test").is_dir():
        _run("tokenize", "--model", model)
    learning = students(configuration.whole)
    if model in learning and not paths.soft_labels(model).is_dir():
        _run(learning[model].stage, "--student", model)
    for unit in trained_units(configuration, model):
        # Last of the stage's outputs.
        if not paths.timing(model, unit).is_file():
            seed = [] if unit.seed is None else ["--seed", str(unit.seed)]
            fold = [] if unit.full else ["--fold", str(unit.fold)]
            _run("train", "--model", model, *fold, *seed)
    if not paths.test(model).is_file():
        _run("predict", "--model", model)


def _backbone(model: str) -> None:
    if not paths.backbone(model).is_dir():
        _run("backbone", "--model", model)


def _run(stage: str, *arguments: str) -> None:
    # In this process: it has started JAX, and a folder of compiled steps to take from.
    importlib.import_module(f"stages.{stage}").main(arguments)


def _write(configuration: Configuration, model: str, out: Path) -> None:
    """Write both CSV files of a model's probabilities."""
    folds = sorted(configuration.read("folds", list))
    elements, test_ids = read_elements(folds), read_test_ids()
    own = elements.of_folds(folds)
    oof = gather_folds(model, configured_units(configuration), own)
    models = {model: configuration.read(f"models.{model}", Model)}
    by = folds_of_tests(folds, configuration.read("full", list), [], models, [])
    test = gather_tests({model: by[model]}, test_ids)[:, 0]
    for kind, ids, values in (("oof", own.element_ids, oof), ("test", test_ids, test)):
        write_probabilities(out / f"{model}-{kind}.csv", ids, values)
    say(f"{out / model}-*.csv: for members of params.yaml")


if __name__ == "__main__":
    exit_with_message(main)
