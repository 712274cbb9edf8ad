"""The loggers of `session.loggers`, and the packages that they need."""

import importlib.util
from collections.abc import Sequence
from typing import Any

from pipeline import paths
from pipeline.errors import UserError
from pipeline.training.loggers.logger import Logger
from pipeline.units import Unit


def check(names: Sequence[str]) -> None:
    """Refuse a logger that isn't installed.

    Each needs the package, and the extra of pyproject.toml, of its own name.

    Raises:
      UserError: it names the logger, and what mends it.
    """
    for name in names:
        if importlib.util.find_spec(name) is None:
            raise UserError(
                f"params.yaml: session.loggers: {name} is not installed; "
                f"pip install '.[{name}]' brings it"
            )


def make(names: Sequence[str], model: str, unit: Unit, settings: dict[str, Any]) -> list[Logger]:
    """Make the loggers of one unit; a package is imported only where its logger is on.

    Args:
      names: of the loggers.
      model: a key of `models`.
      unit: of the model.
      settings: what the unit is trained with.

    Raises:
      UserError: one isn't installed.
    """
    check(names)
    made: list[Logger] = []
    for name in dict.fromkeys(names):
        if name == "tensorboard":
            from pipeline.training.loggers.tensorboard import TensorBoard

            made.append(TensorBoard(paths.log(name, model, unit), settings))
        if name == "wandb":
            from pipeline.training.loggers.wandb import WeightsAndBiases

            title = f"{model}, {unit.title}"
            made.append(WeightsAndBiases(paths.log(name, model, unit), title, settings))
    return made
