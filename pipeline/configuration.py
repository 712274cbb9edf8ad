"""The configuration: `params.yaml`, read, checked, and handed out section by section."""

import dataclasses
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import TypeAdapter, ValidationError
from ruamel.yaml import YAML

from pipeline.contradictions import contradictions
from pipeline.errors import UserError
from pipeline.home import unexpanded
from pipeline.mistakes import explain, nearest
from pipeline.params import Parameters
from pipeline.yaml_bounds import check_bounds

T = TypeVar("T")


class ConfigurationError(UserError):
    """A configuration with mistakes; its text is the first of them, `lines` has all."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        self._lines = tuple(lines)

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each mistake."""
        return self._lines


class Configuration:
    """A validated configuration of parameters that is read section by section."""

    def __init__(self, parameters: Parameters, path: Path) -> None:
        self._parameters = parameters
        self.path = path

    def read(self, key: str, kind: type[T]) -> T:
        """Return the section at a dotted `key`, which a stage has to declare to DVC.

        Raises:
          UserError: there is no such section.
        """
        value: Any = self._parameters
        for part in key.split("."):
            mapping = value if isinstance(value, dict) else vars(value)
            if part not in mapping:
                raise UserError(f"{self.path}: no {key!r}{nearest(part, mapping)}")
            value = mapping[part]
        if not isinstance(value, kind):
            raise TypeError(f"{key} is a {type(value).__name__}, not a {kind.__name__}")
        return value

    def named(
        self,
        section: Literal[
            "models", "members", "topics", "pretrain", "pseudo", "unlabelled", "embeddings"
        ],
        name: str,
    ) -> str:
        """Return `name`, which from here on may stand in a path.

        Raises:
          UserError: it is no key of the section.
        """
        there = getattr(self._parameters, section)
        if name not in there:
            raise UserError(f"{self.path}: {section}: no {name!r}{nearest(name, there)}")
        return name

    @property
    def whole(self) -> Parameters:
        """All parameters, for checks: a stage's outputs depend on nothing that is read here."""
        return self._parameters

    def without(self, sections: Collection[str]) -> dict[str, Any]:
        """Return all sections but some, for comparison with another configuration."""
        return {k: v for k, v in vars(self._parameters).items() if k not in sections}


def load_configuration(path: Path = Path("params.yaml")) -> Configuration:
    """Read and check a whole configuration.

    Raises:
      UserError: the file is missing or no YAML, or keys are at fault, as in `check`.
    """
    # YAML 1.2: a loader of YAML 1.1 takes 9e-5, as `dvc exp run -S` writes it, for text.
    tree = parse(read_text(path), path, YAML(typ="safe", pure=True))
    return Configuration(check(tree, path), path)


def read_text(path: Path) -> str:
    """Read a file of the configuration.

    Raises:
      UserError: it is missing, or no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run from the root of the project") from None
    except UnicodeDecodeError as error:
        found = f"the byte {error.object[error.start]:#04x} at {error.start}"
        raise UserError(f"{path}: expected UTF-8, found {found}") from None


def parse(text: str, path: Path, yaml: YAML) -> Any:
    """Parse YAML; `path` is for messages.

    Raises:
      UserError: it is no YAML, or beyond the bounds of `yaml_bounds`.
    """
    check_bounds(text, path)
    return yaml.load(text)


def check(tree: object, path: Path) -> Parameters:
    """Turn a parsed YAML tree into `Parameters`; `path` is for messages.

    Raises:
      ConfigurationError: one line for each key that is unknown, missing, mistyped or out of range,
        or else for what does not hold between keys.
    """
    try:
        parameters = TypeAdapter(Parameters).validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise ConfigurationError(
            [f"{path}: {line}" for line in explain(error, Parameters)]
        ) from None
    wrong = [
        f"{path}: {key}: found {named}, which DVC does not expand; expected {whole}"
        for key, named, whole in unexpanded(tree)
    ]
    wrong += [f"{path}: {line}" for line in contradictions(parameters)]
    if wrong:
        raise ConfigurationError(wrong)
    return parameters


def written(section: Any) -> dict[str, Any]:
    """Return a section as params.yaml has it, without the options that have their default."""
    return {
        key_of(section, field.name): written(value) if dataclasses.is_dataclass(value) else value
        for field in dataclasses.fields(section)
        if (value := getattr(section, field.name)) != field.default
    }


def key_of(section: Any, name: str) -> str:
    """Return the key in params.yaml of a section's option, which Python may have taken."""
    return section.__pydantic_fields__[name].alias or name
