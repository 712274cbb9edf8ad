"""Recipes: differences from the default configuration, and the whole params.yaml of each.

A mapping in a recipe is merged into the default's, a list or a scalar takes its place, and a null
takes the option away, as in a JSON merge patch (RFC 7396): what is not written is off. `models` is
the exception: the recipe's take the place of the default's. A model that says `like: other` differs
from that one, an earlier model of the recipe or one of the default. A `~` is written out in a path
that DVC reads.
"""

import dataclasses
import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from itertools import takewhile
from pathlib import Path
from typing import TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from pipeline.configuration import Configuration, check, key_of, parse, read_text
from pipeline.errors import UserError
from pipeline.home import expand
from pipeline.mistakes import nearest, shown
from pipeline.yaml_bounds import check_bounds
from pipeline.yaml_comments import Comment, Key, read_comments, with_comments

FOLDER = Path("recipes")
DEFAULT = "default"
_LIKE = "like"
_Node = TypeVar("_Node", CommentedMap, CommentedSeq)


@dataclass(frozen=True)
class Composition:
    """A recipe made whole.

    Attributes:
      path: of the recipe.
      text: of the params.yaml that it makes.
      configuration: the text, read and checked.
      likes: by model, the one that it differs from, for those that name one.
    """

    path: Path
    text: str
    configuration: Configuration
    likes: Mapping[str, str]


@dataclass(frozen=True)
class _Document:
    """A file of the recipes: the comment that it opens with, its keys, and their comments."""

    header: str
    tree: CommentedMap
    comments: dict[Key, Comment]


def ready(folder: Path = FOLDER) -> list[Path]:
    """List the project's recipes."""
    return sorted(folder.glob("*.yaml"))


def find(name: str) -> Path:
    """Return the project's recipe of this name, or else the file at this path.

    Raises:
      UserError: there is neither.
    """
    names = [path.stem for path in ready()]
    if name in names:
        return FOLDER / f"{name}.yaml"
    if Path(name).is_file():
        return Path(name)
    if not name:
        raise UserError(f"NAME: expected a recipe: {', '.join(names)}, or a path")
    raise UserError(f"{FOLDER}: no {name!r}{nearest(Path(name).stem, names)}")


def matching(text: str) -> list[Path]:
    """List the project's recipes that make just this params.yaml, to the byte."""
    return [composition.path for composition in compositions() if composition.text == text]


def compositions() -> list[Composition]:
    """Compose every recipe of the project; one that is at fault is left out."""
    composed = []
    for path in ready():
        try:
            composed.append(compose(path))
        # Somebody's unfinished recipe is no reason to stop what doesn't use it.
        except UserError:
            continue
    return composed


def compose(recipe: Path, folder: Path = FOLDER) -> Composition:
    """Make a recipe whole. Comments of both files stay, the recipe's in place of the default's.

    Args:
      recipe: its file.
      folder: holds the default configuration.

    Raises:
      UserError: a file is missing or no YAML, a model is like one that is not there, or keys of the
        whole are at fault.
    """
    default, own = _read(folder / f"{DEFAULT}.yaml"), _read(recipe)
    comments = own.comments | _over(own.comments, default.comments)
    made = _Document(own.header, _merged(default.tree, own.tree), comments)
    likes = _put_models(made, own, default, recipe) if "models" in own.tree else {}
    expand(made.tree)
    text = f"{made.header}{with_comments(_dump(made.tree), made.comments)}"
    parameters = check(parse(text, recipe, YAML(typ="safe", pure=True)), recipe)
    return Composition(recipe, text, Configuration(parameters, recipe), likes)


def differences(made: Composition, default: Composition) -> Iterator[str]:
    """Yield a line for each option that differs from the default or from the model it is like.

    A model without `like` is compared with the default's of its name, if there is one.
    """
    old, new = default.configuration, made.configuration
    yield from _changes(_flat(old.without(["models"])), _flat(new.without(["models"])), DEFAULT)
    models: dict[str, object] = old.read("models", dict)
    own: dict[str, object] = new.read("models", dict)
    if list(own) != list(models):
        yield f"models: {', '.join(own) or 'none'} ({DEFAULT}: {', '.join(models)})"
    for name, model in own.items():
        like = made.likes.get(name, name)
        base = _flat(models[like], f"models.{name}") if like in models else {}
        yield from _changes(base, _flat(model, f"models.{name}"), like)
        models = models | {name: model}


def _changes(old: Mapping[str, str], new: Mapping[str, str], where: str) -> Iterator[str]:
    for key in [*new, *(key for key in old if key not in new)]:
        if old.get(key) != new.get(key):
            was = f" ({where}: {old[key]})" if key in old else ""
            yield f"{key}: {new.get(key, 'not there')}{was}"


def _flat(tree: object, key: str = "") -> dict[str, str]:
    """Write every option, those that are off included, as YAML has it, by its dotted key."""
    if dataclasses.is_dataclass(tree):
        names = [field.name for field in dataclasses.fields(tree)]
        tree = {key_of(tree, name): getattr(tree, name) for name in names}
    if not isinstance(tree, Mapping):
        return {key: tree if isinstance(tree, str) else json.dumps(tree)}
    flat: dict[str, str] = {}
    for name, value in tree.items():
        flat |= _flat(value, f"{key}.{name}" if key else name)
    return flat


def _put_models(
    made: _Document, own: _Document, default: _Document, recipe: Path
) -> dict[str, str]:
    """Put the recipe's models in place of the default's; return the models that they name."""
    models, likes = CommentedMap(), {}
    made.tree["models"] = models
    for name, model in _mapping(own.tree["models"], f"{recipe}: models").items():
        where = f"{recipe}: models.{name}"
        differences = {k: v for k, v in _mapping(model, where).items() if k != _LIKE}
        if _LIKE not in model:
            models[name] = _merged({}, model)
            continue
        like = str(model[_LIKE])
        source = made if like in models else default
        if like not in source.tree["models"]:
            known = [*models, *default.tree["models"]]
            raise UserError(f"{where}.{_LIKE}: no {like!r}{nearest(like, known)}")
        models[name] = _merged(source.tree["models"][like], differences)
        likes[name] = like
        made.comments.update(_over(own.comments, _renamed(source.comments, like, name)))
    return likes


def _read(path: Path) -> _Document:
    return _parsed(path, read_text(path))


# The default is read once for all recipes: a round trip through YAML takes a tenth of a second.
@functools.cache
def _parsed(path: Path, text: str) -> _Document:
    # Of the whole file, so that a message has its line.
    check_bounds(text, path)
    lines = text.splitlines(keepends=True)
    header = "".join(takewhile(lambda line: line.startswith("#"), lines))
    body = text.removeprefix(header)
    tree = _mapping(parse(body, path, _yaml()), str(path))
    return _Document(header, tree, read_comments(body, tree))


def _mapping(node: object, where: str) -> CommentedMap:
    if not isinstance(node, CommentedMap):
        raise UserError(f"{where}: expected keys with values, found {shown(node)}")
    return node


def _merged(base: Mapping, difference: Mapping) -> CommentedMap:
    """Merge into a copy of `base`, in the order and the style of both."""
    merged = CommentedMap()
    for mapping in (base, difference):
        for key, value in mapping.items():
            if isinstance(value, Mapping):
                there = merged.get(key)
                merged[key] = _merged(there if isinstance(there, Mapping) else {}, value)
            elif value is None:
                merged.pop(key, None)
            elif isinstance(value, list):
                merged[key] = _styled(CommentedSeq(value), value)
            else:
                merged[key] = value
    return _styled(merged, base or difference)


def _styled(node: _Node, like: object) -> _Node:
    """Write a new node in braces or brackets where another is."""
    if isinstance(like, CommentedMap | CommentedSeq) and like.fa.flow_style():
        node.fa.set_flow_style()
    return node


def _over(own: Mapping[Key, Comment], base: Mapping[Key, Comment]) -> dict[Key, Comment]:
    return {key: own.get(key, Comment()).over(comment) for key, comment in base.items()}


def _renamed(comments: Mapping[Key, Comment], old: str, new: str) -> dict[Key, Comment]:
    """Take the comments inside of a model to another one."""
    inside = {key[2:]: comment for key, comment in comments.items() if key[:2] == ("models", old)}
    return {("models", new, *rest): comment for rest, comment in inside.items() if rest}


def _dump(tree: CommentedMap) -> str:
    stream = StringIO()
    _yaml().dump(tree, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    # A key and its value stay on one line, at whose end the key's comment stands.
    yaml.width = 2**16
    return yaml
