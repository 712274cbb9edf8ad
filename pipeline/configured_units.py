"""The units of training that the configuration asks for."""

from pipeline.configuration import Configuration
from pipeline.units import Unit, units


def configured_units(configuration: Configuration) -> list[Unit]:
    """List the folds that every model of the configuration is trained in, in rising order."""
    return units(_folds(configuration), configuration.read("seeds", list))


def trained_units(configuration: Configuration, model: str) -> list[Unit]:
    """List all that a model is trained in: its folds, and its full fits where it has them."""
    seeds = configuration.read("seeds", list)
    return units(_folds(configuration), seeds, full=model in configuration.read("full", list))


def _folds(configuration: Configuration) -> list[int]:
    return sorted(configuration.read("folds", list))
