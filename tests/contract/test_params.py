"""`params.py` and what it is made of declare options; what is off stands nowhere but there."""

import ast
import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from ruamel.yaml import YAML

from pipeline import embedding_params, params
from pipeline.graph.closure import DECLARATIONS
from tests.configurations import RECIPES
from tests.contract.project import ROOT

NODES = [
    node
    for path in DECLARATIONS
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body
]
SECTIONS = [node for node in NODES if isinstance(node, ast.ClassDef)]
ALIASES = {"TypeVar", "ConfigDict"}
LIMITS = {"ge", "gt", "le", "lt", "min_length", "pattern", "alias"}


def _is_docstring(node: ast.stmt) -> bool:
    match node:
        case ast.Expr(value=ast.Constant(value=str())):
            return True
    return False


def test_they_hold_declarations_alone():
    """No code that moves a number could hide in them: stages don't depend on them as a whole."""
    others = [
        ast.unparse(node)
        for node in NODES
        if not isinstance(node, ast.ImportFrom | ast.ClassDef) and not _is_docstring(node)
    ]
    *assignments, function = sorted(others, key=lambda text: "def frozen" in text)
    assert function.endswith(
        "return cast(type[T], dataclass(frozen=True, config=_CONFIG, kw_only=True)(kind))"
    )
    values = [ast.parse(text).body[0] for text in assignments]
    for node in values:
        match node:
            case ast.Assign(value=ast.Subscript(value=ast.Name(id="Annotated"))):
                pass
            case ast.Assign(value=ast.Call(func=ast.Name(id=name))):
                assert name in ALIASES
            case _:
                pytest.fail(ast.unparse(node))


@pytest.mark.parametrize("section", SECTIONS, ids=lambda node: node.name)
def test_a_section_is_annotated_options_and_docstrings(section: ast.ClassDef):
    assert [ast.unparse(one) for one in section.decorator_list] == ["frozen"]
    assert {ast.unparse(one) for one in section.bases} <= {one.name for one in SECTIONS}
    assert section.keywords == []
    assert ast.get_docstring(section)
    for node in section.body:
        match node:
            case ast.AnnAssign(target=ast.Name(), value=None | ast.Constant()):
                pass
            # A section of which every option is off.
            case ast.AnnAssign(value=ast.Call(func=ast.Name(id=kind), args=[], keywords=[])):
                assert kind in {one.name for one in SECTIONS}
            case _:
                assert _is_docstring(node), ast.unparse(node)


def test_types_set_limits_and_nothing_else():
    """A default or a change of the value in `Annotated` would move numbers unseen."""
    calls = [
        node
        for one in NODES
        for types in ast.walk(one)
        if isinstance(types, ast.Subscript) and ast.unparse(types.value) == "Annotated"
        for node in ast.walk(types.slice)
        if isinstance(node, ast.Call | ast.Lambda)
    ]
    assert calls
    for call in calls:
        assert isinstance(call, ast.Call), ast.unparse(call)
        assert (ast.unparse(call.func), call.args) == ("Field", [])
        assert {word.arg for word in call.keywords} <= LIMITS


def test_every_option_has_a_sentence():
    names = {section.name for section in SECTIONS}
    lacking = []
    for section in SECTIONS:
        for node, below in zip(section.body, [*section.body[1:], ast.Pass()], strict=True):
            if isinstance(node, ast.AnnAssign) and not _is_docstring(below):
                inner = {one.id for one in ast.walk(node.annotation) if isinstance(one, ast.Name)}
                if not inner & names:
                    lacking.append(f"{section.name}.{ast.unparse(node.target)}")
    assert lacking == []


def _sections() -> Iterator[tuple[Any, dict[str, Any]]]:
    """Every class with its options as the default configuration writes them."""

    def walk(kind: Any, tree: dict[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
        if not dataclasses.is_dataclass(kind):
            for inner in tree.values():
                yield from walk(kind.__args__[1], inner)
            return
        yield kind, tree
        for field in dataclasses.fields(kind):
            if isinstance(tree.get(field.name), dict):
                yield from walk(field.type, tree[field.name])

    tree = YAML(typ="safe", pure=True).load(RECIPES / "default.yaml")
    yield from walk(params.Parameters, tree)


def test_the_default_writes_just_what_is_required():
    for kind, tree in _sections():
        fields = [f for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
        required = [kind.__pydantic_fields__[f.name].alias or f.name for f in fields]
        assert sorted(tree) == sorted(required), kind.__name__


def test_a_null_is_an_option_that_is_off():
    """A null in a recipe takes the option away, so it may mean nothing else."""
    declared = {**vars(embedding_params), **vars(params)}
    kinds = [declared[section.name] for section in SECTIONS]
    fields = [field for kind in kinds for field in dataclasses.fields(kind)]
    nullable = [f for f in fields if type(None) in getattr(f.type, "__args__", ())]
    assert {field.default for field in nullable} == {None}
