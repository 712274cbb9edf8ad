"""The names of the encoders and of the model types that each serves."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from pipeline.configuration import Configuration, ConfigurationError
from pipeline.errors import UserError
from pipeline.mistakes import nearest
from pipeline.params import Model

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
        raise UserError(f"encoder: no {encoder!r}{nearest(encoder, ENCODERS)}")


def check_encoders(configuration: Configuration) -> None:
    """Look up the encoder of every model.

    Raises:
      ConfigurationError: one line for each that there is not.
    """
    if unknown := unknown_encoders(configuration.whole.models, configuration.path):
        raise ConfigurationError(list(unknown.values()))


def unknown_encoders(models: Mapping[str, Model], path: Path) -> dict[str, str]:
    """Return the line on each model whose encoder there is not; `path` is the configuration's."""
    unknown = {}
    for name, model in models.items():
        try:
            check_known(model.encoder)
        except UserError as error:
            unknown[name] = f"{path}: models.{name}.{error}"
    return unknown


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
