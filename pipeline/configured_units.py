"""The units of training that the configuration asks for."""

from pipeline.configuration import Configuration
from pipeline.units import Unit, units


def configured_units(configuration: Configuration) -> list[Unit]:
    """List what every model of the configuration is trained in, folds in rising order."""
    return units(sorted(configuration.read("folds", list)), configuration.read("seeds", list))
