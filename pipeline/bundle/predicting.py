"""The units of a bundle's models that predict a test."""

from pipeline.configuration import Configuration
from pipeline.configured_units import trained_units
from pipeline.params import Predict
from pipeline.units import Unit, predicting


def predicting_units(configuration: Configuration, model: str) -> list[Unit]:
    """List a model's folds and full fits that predict, in the order in which they do."""
    alone = configuration.read(f"models.{model}.predict", Predict).full_alone
    return predicting(trained_units(configuration, model), full_alone=alone)
