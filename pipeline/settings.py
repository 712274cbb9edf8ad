"""Settings of single options, as `models.tiny.train.epochs=4`, put into a configuration."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.configuration import Configuration, check, parse
from pipeline.errors import UserError
from pipeline.mistakes import shown

_WHERE = Path("SET")
_SETTING = re.compile(r"([a-z0-9_]+(?:\.[a-z0-9_]+)*)=(.*)", re.DOTALL)


@dataclass(frozen=True)
class Composed:
    """A configuration with settings, as text and checked."""

    text: str
    configuration: Configuration


def parse_settings(text: str) -> dict[str, Any]:
    """Read settings that stand apart by spaces; a value with spaces stands in quotes.

    Values are YAML, as in params.yaml; null takes an option away, which is then off.

    Raises:
      UserError: there is none, one is no `key=value`, its value is no YAML, or a key stands twice.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UserError(f"{_WHERE}: {text!r}: {str(error).lower()}") from None
    if not words:
        raise UserError(f"{_WHERE}: expected key=value, such as models.tiny.train.epochs=4")
    settings: dict[str, Any] = {}
    for word in words:
        found = _SETTING.fullmatch(word)
        if found is None:
            raise UserError(f"{_WHERE}: expected key=value, found {shown(word)}")
        key, value = found[1], parse(found[2], _WHERE, YAML(typ="safe", pure=True))
        if key in settings:
            raise UserError(f"{_WHERE}: {key} stands twice")
        settings[key] = value
    return settings


def with_settings(text: str, settings: Mapping[str, Any], path: Path = _WHERE) -> Composed:
    """Put settings into a configuration.

    Args:
      text: of params.yaml.
      settings: by dotted key.
      path: for messages.

    Raises:
      UserError: a key is unknown, or a value none that it may have.
    """
    # Through JSON, so that a mapping that YAML's aliases share is changed in one place alone.
    tree = json.loads(json.dumps(parse(text, path, YAML(typ="safe", pure=True))))
    for key, value in settings.items():
        *parents, last = key.split(".")
        node = tree
        for depth, parent in enumerate(parents, start=1):
            node = node.setdefault(parent, {})
            if not isinstance(node, dict):
                whole = ".".join(parents[:depth])
                raise UserError(f"{path}: {key}: expected keys in {whole}, found {shown(node)}")
        if value is None:
            node.pop(last, None)
        else:
            node[last] = value
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(tree, stream)
    made = stream.getvalue()
    parameters = check(parse(made, path, YAML(typ="safe", pure=True)), path)
    return Composed(made, Configuration(parameters, path))
