"""Hashes of code know what can move a number, and nothing of how it is written down."""

import ast
import shutil
from pathlib import Path

import pytest

from pipeline.graph import code_hash
from pipeline.graph.closure import PARAMETERS
from tests.contract.project import ROOT, python_files

FILES = list(python_files("pipeline", "stages"))
NETWORKS = {"networks/bert", "networks/deberta", "networks/deberta_v1", "networks/modernbert"}
STAGES = {"validate", "split", "backbone", "tokenize", "baseline", "member", "train", "predict",
          "evaluate", "ensemble", "topics", "pretrain", "pseudo", "unlabelled",
          "teach", "embed", "report"}  # fmt: skip


def hashes(root: Path) -> dict[str, str]:
    return {name: code_hash.of(name, root) for name in code_hash.names(root)}


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return hashes(ROOT)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of all code that has a hash."""
    for folder in ("pipeline", "stages"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


def rewritten(text: str) -> str:
    """The same program by another hand: layout, quotes, comments and every docstring differ."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node) is not None:
                del node.body[0]
            node.body.insert(0, ast.Expr(ast.Constant("Says something else.")))
    return f"# A remark.\n\n{ast.unparse(tree)}\n\n# The end.\n"


def test_every_stage_and_every_network_has_one(before: dict[str, str]):
    assert before.keys() == STAGES | NETWORKS
    assert len(set(before.values())) == len(before)


def test_comments_docstrings_and_layout_of_every_file_change_none(
    project: Path, before: dict[str, str]
):
    for path in FILES:
        text = (project / path).read_text(encoding="utf-8")
        assert rewritten(text) != text
        (project / path).write_text(rewritten(text), encoding="utf-8")
    assert hashes(project) == before


@pytest.mark.parametrize(
    ("edited", "expected"),
    [
        ("stages/split.py", {"split"}),
        ("pipeline/competition/placing.py", {"validate", "unlabelled"}),
        ("pipeline/backbones/hub.py", {"backbone"}),
        ("pipeline/training/step.py", {"train", "pretrain"}),
        ("pipeline/evaluation/pools.py", {"ensemble"}),
        ("pipeline/encoders/bert.py", {"networks/bert"}),
        ("pipeline/encoders/deberta_common.py", {"networks/deberta", "networks/deberta_v1"}),
        (
            "pipeline/encoders/attention/fused.py",
            {"train", "predict", "pretrain", "teach", "embed"} | NETWORKS,
        ),
        ("pipeline/errors.py", STAGES | NETWORKS),
        ("pipeline/kaggle/client.py", set()),
        ("stages/code.py", set()),
        ("pipeline/params.py", set()),
        ("pipeline/bounds.py", set()),
        ("pipeline/embedding_params.py", set()),
    ],
)
def test_an_edit_changes_those_that_can_reach_it(
    edited: str, expected: set[str], project: Path, before: dict[str, str]
):
    with (project / edited).open("a", encoding="utf-8") as stream:
        stream.write("EPSILON = 1e-7\n")
    after = hashes(project)
    assert {name for name in after if after[name] != before[name]} == expected


def of_text(tmp_path: Path, text: str, name: str = "stages/one.py") -> str:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    return code_hash.of(Path(name).stem, tmp_path)


EVERYTHING = r"""
from json import loads as read
@decorated(key=1)
class A(B, metaclass=C):
    field: dict[str, int] | None = None
    def f(self, a, /, b: int = 2, *args: int, c, d=0.5, **more) -> float:
        global x
        return -a if b @ c else {**more, "k": [*args, ...]}[1:, None]
async def g():
    async with a as b, c: await d
    async for i in e: yield i
    try: raise E from e
    except (F, G) as h: del h
    else: pass
    finally: assert i, "no"
while (n := next(it)) < 3 <= m and not o: continue
for i, *j in ((k, l) for k in m if k for l in k): x += lambda q, *, r=b"\x00": q
match x:
    case {"a": [1, *rest], **other} | A(b=None) as whole if y: z = f"{x!r:>{w}} {{}} {y=}" "é"
    case -1.5 | 1 + 2j | True | _: print(1e999, 0x10, 'it\'s', {1, 2}, {v: w for v in x}, sep="")
"""


def test_every_python_gives_the_same(tmp_path: Path):
    """Seen on 3.11, 3.12 and 3.13. Another figure makes all folds of everybody stale."""
    expected = "76d407377f8912a1fbe6306e76b7d11db61f3f8b598be02a477dd4b71395bfdf"
    assert of_text(tmp_path, EVERYTHING) == expected


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = f(a, b)", "x = f(\n    a,\n    b,\n)  # why"),
        ("x = 'a' 'b'", 'x = u"ab"'),
        ("x = 'é'", "x = '\\u00e9'"),
        ("x = 1000.0", "x = 1e3"),
        ("def f():\n    return 1", 'def f():\n    """Return one."""\n    return 1'),
        ("x = 1", 'x = 1\n"""The least of all."""'),
        ("x: int = 1", "x: int = 1  # type: ignore"),
    ],
)
def test_another_spelling_is_the_same(one: str, other: str, tmp_path: Path):
    assert of_text(tmp_path, one) == of_text(tmp_path, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = 0", "x = False"),
        ("x = 1", "x = 1.0"),
        ("x = 1e-7", "x = 1e-8"),
        ("x = ''", "x = None"),
        ("x = ''", "x = b''"),
        ("x = a - b", "x = b - a"),
        ("x = a - b", "x = a + b"),
        ("x = 1; y = 2", "y = 2; x = 1"),
        ("x = {**a, b: c}", "x = {b: c, **a}"),
        ("def f(*, a, b=1): pass", "def f(*, a=1, b): pass"),
        ("def f(): return 1", "async def f(): return 1"),
        ("x[1:]", "x[:1]"),
        ("x = ['a', 'b']", "x = ['a, b']"),
        ("match x:\n    case None: pass", "match x:\n    case False: pass"),
        ("global a, b", "global b, a"),
    ],
)
def test_another_program_is_not(one: str, other: str, tmp_path: Path):
    assert of_text(tmp_path, one) != of_text(tmp_path, other)


def test_a_file_of_another_name_is_another(tmp_path: Path):
    assert of_text(tmp_path, "x = 1") != of_text(tmp_path, "x = 1", "stages/two.py")


SECTIONS = """
class Awp:
    rate: float = 0.1
class Train:
    epochs: int
    smoothing: float = 0.05
    {}
"""


@pytest.fixture
def defaults(tmp_path: Path) -> Path:
    """A project with one stage that reads params.yaml."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/one.py").write_text("from pipeline import params\n")
    (tmp_path / "pipeline").mkdir()
    return tmp_path


def of_parameters(project: Path, text: str) -> str:
    (project / PARAMETERS).write_text(text)
    return code_hash.of("one", project)


@pytest.mark.parametrize(
    "field",
    [
        "seed: int",
        "seed: int = Field(..., ge=0)",
        "seed: Annotated[int, Field(ge=0)]",
        "awp: Awp | None = None",
        "awp: Awp = Awp()",
        "awp: Awp = field(default_factory=Awp)",
        "names: dict = field(default_factory=dict)",
        "fgm: bool = False",
        "steps: int = 0",
        "share: float = Field(default=0.0, le=1.0)",
        "share: float = Field(0.0, le=1.0)",
        'kind: Literal["none", "some"] = "none"',
        "def read(self): return 1",
    ],
)
def test_a_new_option_that_is_off_changes_nothing(field: str, defaults: Path):
    before = of_parameters(defaults, SECTIONS.format(""))
    assert of_parameters(defaults, SECTIONS.format(field)) == before


@pytest.mark.parametrize(
    "field",
    [
        "steps: int = 3",
        "fgm: bool = True",
        "share: float = Field(default=0.5, le=1.0)",
        "share: float = Field(0.5, le=1.0)",
        "share: float = -0.5",
        'kind: str = "some"',
        "rate: float | None = 0.0",
        "fgm: Annotated[bool, Field()] | None = False",
        "awp: Awp | None = Awp()",
        "awp: Awp = Awp(rate=0.2)",
        "betas: tuple = (0.9, 0.999)",
    ],
)
def test_a_default_that_is_on_counts(field: str, defaults: Path):
    before = of_parameters(defaults, SECTIONS.format(""))
    if "Awp(rate" in field:
        with pytest.raises(ValueError, match="write a default where it stands"):
            of_parameters(defaults, SECTIONS.format(field))
    else:
        assert of_parameters(defaults, SECTIONS.format(field)) != before


def test_a_default_that_changes_counts_and_where_it_stands_does_not(defaults: Path):
    before = of_parameters(defaults, SECTIONS)
    assert of_parameters(defaults, SECTIONS.replace("0.05", "0.06")) != before
    assert of_parameters(defaults, SECTIONS.replace("0.1", "0.2")) != before
    assert of_parameters(defaults, SECTIONS.replace("smoothing", "softening")) != before
    first, second = SECTIONS.split("class Train")
    assert of_parameters(defaults, f"class Train{second}{first}") == before


@pytest.mark.parametrize("default", ["RATE", "2 * 3", "tuple(RATES)"])
def test_a_default_that_is_not_written_out_is_refused(default: str, defaults: Path):
    with pytest.raises(ValueError, match=r"pipeline/params\.py: .*: write a default"):
        of_parameters(defaults, SECTIONS.format(f"rate: float = {default}"))
