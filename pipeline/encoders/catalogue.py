"""The names of the encoders and of the model types that each serves."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.configuration import Configuration, ConfigurationError
from pipeline.errors import UserError

ENCODERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "bert": ("bert", "roberta", "camembert", "xlm-roberta", "electra"),
        "deberta": ("deberta-v2",),
        "deberta_v1": ("deberta",),
        "modernbert": ("modernbert",),
    }
)
"""The model types that each file of this folder serves."""


def check_known(encoder: str) -> None:
    """Look an encoder up.

    Raises:
      UserError: there is no such encoder; it names the nearest.
    """
    if encoder not in ENCODERS:
        nearest = difflib.get_close_matches(encoder, ENCODERS, n=1, cutoff=0.0)[0]
        raise UserError(f"encoder: no {encoder!r}; the nearest is {nearest!r}")


def check_encoders(configuration: Configuration) -> None:
    """Look up the encoder of every model.

    Raises:
      ConfigurationError: one line for each that there is not.
    """
    lines = []
    for name, model in configuration.whole.models.items():
        try:
            check_known(model.encoder)
        except UserError as error:
            lines.append(f"{configuration.path}: models.{name}.{error}")
    if lines:
        raise ConfigurationError(lines)


def source_file(encoder: str) -> Path:
    """Return the encoder's own file."""
    return Path(__file__).parent / f"{encoder}.py"


def serving(model_type: object) -> str | None:
    """Name the encoder that serves a model type, if one does."""
    return next((name for name, types in ENCODERS.items() if model_type in types), None)


def check_served(encoder: str, model_type: object, where: Path | str) -> None:
    """Hold a checkpoint's model type against the encoder that a configuration asks for.

    Raises:
      UserError: the encoder does not serve it; it names the one that does.
    """
    if model_type in ENCODERS.get(encoder, ()):
        return
    right = serving(model_type)
    served = ", ".join(sorted(t for types in ENCODERS.values() for t in types))
    advice = f"encoder {right!r} does" if right else f"none does; there are: {served}"
    raise UserError(
        f"{where}: encoder {encoder!r} does not serve model_type {model_type!r}; {advice}"
    )
