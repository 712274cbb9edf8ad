"""The units of training that the configuration asks for."""

from pipeline.configuration import Configuration
from pipeline.params import Predict
from pipeline.reserved import BASELINE
from pipeline.units import NO_FOLD, Unit, predicting, units


def configured_units(configuration: Configuration) -> list[Unit]:
    """List the folds that every model of the configuration is trained in, in rising order."""
    return units(_folds(configuration), configuration.read("seeds", list))


def trained_units(configuration: Configuration, model: str) -> list[Unit]:
    """List all that a model is trained in: its folds, and its full fits where it has them."""
    seeds = configuration.read("seeds", list)
    return units(_folds(configuration), seeds, full=model in configuration.read("full", list))


def predicting_units(configuration: Configuration, model: str) -> list[Unit]:
    """List the units of a model that predict a test."""
    alone = configuration.read(f"models.{model}.predict", Predict).full_alone
    return predicting(trained_units(configuration, model), full_alone=alone)


def folds_of_tests(configuration: Configuration) -> dict[str, list[int]]:
    """Map every member to the folds in its table of test predictions."""
    folds, full = _folds(configuration), configuration.read("full", list)
    found = {BASELINE: folds}
    for name, model in configuration.read("models", dict).items():
        trained = units(folds, [], full=name in full)
        alone = model.predict.full_alone
        found[name] = [unit.fold for unit in predicting(trained, full_alone=alone)]
    return found | {name: [NO_FOLD] for name in configuration.read("members", dict)}


def _folds(configuration: Configuration) -> list[int]:
    return sorted(configuration.read("folds", list))
