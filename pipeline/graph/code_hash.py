"""Hashes of the code that a stage or a network can reach, blind to comments and layout.

A hash is taken over the files of an import closure: of each its path and a walk of its syntax tree.
The walk knows no positions, comments or docstrings, and no field that is empty, so that a field
that a later version of Python adds changes nothing. Equal on Python 3.11, 3.12 and 3.13.

`pipeline/params.py` isn't walked, nor are the declarations beside it. They have the knobs, and what
is set of them reaches a stage through DVC's parameters. Only the defaults of keys that params.yaml
leaves out don't, so those are hashed, but for defaults that mean off: a new option that is off
makes no fold stale, and a default that changes does. Where null is a value, null alone means off: a
rate of 0.0 is another thing than the checkpoint's own.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from pipeline.graph.closure import DECLARATIONS, PARAMETERS, closure, networks, parse, stages

ROOT = Path(__file__).parents[2]  # of the code
NETWORKS = "networks"
_OFF = (None, False, 0, 0.0, "none")
_EMPTY = frozenset({"dict", "list"})


def network(encoder: str) -> str:
    """Name a network's code, as `networks/bert`; a stage's is called as the stage."""
    return f"{NETWORKS}/{encoder}"


def names(root: Path = ROOT) -> list[str]:
    """Name every piece of code that has a hash: the graph's stages, then the networks."""
    return [*stages(root), *map(network, networks(root))]


def of(name: str, root: Path = ROOT) -> str:
    """Hex digest of all that a stage or a network can reach.

    Networks are looked up by name, so a stage's hash leaves them out: each has its own.
    """
    folder, _, encoder = name.rpartition("/")
    entry = networks(root)[encoder] if folder == NETWORKS else Path(f"stages/{name}.py")
    digest = hashlib.sha256()
    for path in sorted(closure(entry, root)):
        read = _defaults if path in DECLARATIONS else _syntax
        digest.update(f"{path.as_posix()}\0{read((root / path).read_bytes())}\n".encode())
    return digest.hexdigest()


@functools.cache
def _syntax(source: bytes) -> str:
    return hashlib.sha256(_walk(parse(source)).encode()).hexdigest()


def _walk(node: object) -> str:
    """Write a syntax tree down: class names and fields that hold something."""
    match node:
        case ast.Constant(value=value):  # kind says no more than that it was written u""
            return f"Constant({value!a})"
        case ast.JoinedStr(values=values):
            # Python 3.12.1 puts an empty text behind a nested format.
            parts = [text for text in map(_walk, values) if text != "Constant('')"]
            return f"JoinedStr({','.join(parts)})"
        case ast.AST():
            written = ((name, _walk(getattr(node, name, None))) for name in node._fields)
            told = (f"{name}={text}" for name, text in written if _counts(name, text))
            return f"{type(node).__name__}({','.join(told)})"
        case list():
            return f"[{','.join(_walk(part) for part in node if not _is_text(part))}]"
    return ascii(node)


def _counts(name: str, text: str) -> bool:
    return text not in ("None", "[]") and name not in ("ctx", "type_comment")


def _is_text(node: object) -> bool:
    """True of a docstring, and of any other text that stands alone as a statement."""
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


@functools.cache
def _defaults(source: bytes) -> str:
    """Write down each field's default that isn't off, in an order of their own."""
    sections = [node for node in ast.walk(parse(source)) if isinstance(node, ast.ClassDef)]
    named = _EMPTY.union(section.name for section in sections)
    found = (
        f"{section.name}.{ast.unparse(field.target)}={_walk(default)}"
        for section in sections
        for field in section.body
        if isinstance(field, ast.AnnAssign) and field.value is not None
        for default in _default(field.value)
        if not _is_off(default, named, _is_optional(field.annotation))
    )
    return "\n".join(sorted(found))


def _default(value: ast.expr) -> Iterator[ast.expr]:
    """Yield a field's default, which may stand in a call of `field` or `Field`."""
    match value:
        case ast.Call(func=ast.Name(id="field" | "Field"), args=args, keywords=keywords):
            yield from (arg for arg in args if not _is_required(arg))
            for keyword in keywords:
                if keyword.arg == "default" and not _is_required(keyword.value):
                    yield keyword.value
                elif keyword.arg == "default_factory":
                    yield ast.Call(func=keyword.value, args=[], keywords=[])
        case _:
            yield value


def _is_required(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is ...


def _is_optional(annotation: ast.expr) -> bool:
    """True of a type with null among its values."""
    nodes = ast.walk(annotation)
    return any(isinstance(node, ast.Constant) and node.value is None for node in nodes)


def _is_off(default: ast.expr, named: frozenset[str], optional: bool) -> bool:
    """True of a default that means off, or a section whose own defaults count one by one.

    Raises:
      ValueError: it isn't written out, so that its value could change unseen.
    """
    match default:
        case ast.Constant(value=value):
            return value is None if optional else value in _OFF
        case ast.Call(func=ast.Name(id=name), args=[], keywords=[]) if name in named:
            return not optional
    if optional and isinstance(default, ast.Call):
        return False
    try:
        ast.literal_eval(default)
    except ValueError:
        text = ast.unparse(default)
        raise ValueError(f"{PARAMETERS}: {text}: write a default where it stands") from None
    return False
