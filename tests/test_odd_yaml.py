"""Odd files of the configuration: each ends in one line that says where, or is read as meant."""

from pathlib import Path

import pytest

from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.recipes import compose
from tests.configurations import RECIPES

TEXT = (RECIPES / "default.yaml").read_text(encoding="utf-8")
END = TEXT.count("\n") + 1
LINE = TEXT[: TEXT.index("      epochs: 8")].count("\n") + 1
LAUGHS = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n" + "".join(
    f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]\n" for n in range(1, 5)
)


def line(old: str) -> int:
    """The line of the default configuration that a text stands on."""
    return TEXT[: TEXT.index(old)].count("\n") + 1


def instead(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new, 1)


def error(content: str | bytes, path: Path) -> str:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError) as told:
        load_configuration(path)
    return str(told.value).removeprefix(f"{path}: ")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


DECIMAL = "expected a decimal number of at most 18 digits, or text in quotes"
FOLDS, EPOCHS, SOURCE = "folds: [0, 1, 2, 3, 4]", "epochs: 8", "source: data/sample "


@pytest.mark.parametrize(
    ("added", "at", "expected"),
    [
        (LAUGHS, 4, "more than 100,000 values, aliases written out"),
        ("x: &x [*x]\n", 0, "*x stands inside of &x itself"),
        ("x: &x {<<: *x}\n", 0, "*x stands inside of &x itself"),
        ("x: *y\n", 0, "*y: no such anchor"),
        ("x: " + "[" * 5000 + "]" * 5000 + "\n", 0, "nested deeper than 32 levels"),
        ("x: " + "{a: " * 3000 + "1" + "}" * 3000 + "\n", 0, "nested deeper than 32 levels"),
        ("".join(" " * n + "a:\n" for n in range(1500)), 32, "nested deeper than 32 levels"),
        ("x: " + "\n  - " + "- " * 3000 + "1\n", 1, "nested deeper than 32 levels"),
        ("? [a, b]\n: 1\n", 0, "a list as a key; expected text"),
        ("? {a: b}\n: 1\n", 0, "a mapping as a key; expected text"),
        ("x: &x [a]\n? *x\n: 1\n", 1, "a list as a key; expected text"),
        ("1: 2\n", 0, "key 1: expected text; put it in quotes"),
        ("2020-01-01: 2\n", 0, "key 2020-01-01: expected text; put it in quotes"),
        ("null: 2\n", 0, "key null: expected text; put it in quotes"),
        ("folds: [0]\n", 0, "key 'folds' stands twice"),
        ("---\n" + TEXT, 0, "a second document; expected one"),
        ('"x\\ud800": 1\n', 0, "'x\\ud800': a control character"),
        ("&x x: 1\n!x y: 1\n", 1, "tag !x: expected none"),
    ],
    ids=lambda value: value[:16] if isinstance(value, str) else str(value),
)
def test_what_no_configuration_holds(added: str, at: int, expected: str, path: Path):
    assert error(TEXT + added, path) == f"line {END + at}: {expected}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (FOLDS, "folds: &f [0, *f]", "*f stands inside of &f itself"),
        (SOURCE, 'source: "data\\nsample" ', "'data\\nsample': a control character"),
        (SOURCE, 'source: "data\\0sample" ', "'data\\x00sample': a control character"),
        ("  tiny:", '  "ti\\ny":', "'ti\\ny': a control character"),
        ("  tiny:", '  "ti\\e[31my":', "'ti\\x1b[31my': a control character"),
        ("  tiny:", "  true:", "key true: expected text; put it in quotes"),
        ("  tiny:", "  1_0:", "key 1_0: expected text; put it in quotes"),
        (SOURCE, "source: 2020-01-01 ", "2020-01-01: a date; put text in quotes"),
        (SOURCE, "source: !!binary aGFsbG8= ", "tag !!binary: expected none"),
        (FOLDS, "folds: !!set {0, 1}", "tag !!set: expected none"),
        ("members: {}", "members: !!omap []", "tag !!omap: expected none"),
        (
            SOURCE,
            "source: !!python/object/apply:os.system ['true'] ",
            "tag !!python/object/apply:os.system: expected none",
        ),
        (EPOCHS, "epochs: !!int '8'", "tag !!int: expected none"),
        (EPOCHS, "epochs: ! 8", "tag !: expected none"),
        *(
            (EPOCHS, f"epochs: {number}", f"{number}: {DECIMAL}")
            for number in ("1_0", "0o17", "0x1F", "0b11", "010", "-_", "9" * 20, "08.5")
        ),
        ("clip: 1.0", "clip: 1_0.0", f"1_0.0: {DECIMAL}"),
    ],
    ids=lambda value: value[:40],
)
def test_what_readers_take_for_different_things(old: str, new: str, expected: str, path: Path):
    assert error(instead(old, new), path) == f"line {line(old)}: {expected}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (EPOCHS, "epochs: 1e3", "input should be a valid integer, found 1000.0"),
        (EPOCHS, "epochs: 8.0", "input should be a valid integer, found 8.0"),
        (EPOCHS, "epochs: 1:30", "input should be a valid integer, found '1:30'"),
        (EPOCHS, "epochs: yes", "input should be a valid integer, found 'yes'"),
        (EPOCHS, "epochs: '8'", "input should be a valid integer, found '8'"),
        (EPOCHS, "epochs: '1_0'", "input should be a valid integer, found '1_0'"),
        (EPOCHS, "epochs: true", "input should be a valid integer, found True"),
        ("clip: 1.0", "clip: .inf", "input should be a finite number, found inf"),
        ("clip: 1.0", "clip: .nan", "input should be a finite number, found nan"),
        ("clip: 1.0", "clip: 1e999", "input should be a finite number, found inf"),
        ("clip: 1.0", "clip: true", "input should be a valid number, found True"),
        ("plain_spaces: true", "plain_spaces: yes", "input should be a valid boolean, found 'yes'"),
        (SOURCE, "source: 2020 ", "input should be a valid string, found 2020"),
        (FOLDS, "folds: 3", "expected a list, found 3"),
        ("members: {}", "members:", "expected keys with values, found nothing"),
        (
            "platform: cpu",
            f"platform: {'c' * 500}",
            f"input should be 'cpu', 'gpu' or 'tpu', found '{'c' * 96}...",
        ),
    ],
)
def test_values_of_another_type(old: str, new: str, expected: str, path: Path):
    told = error(instead(old, new), path)
    assert told.endswith(expected)
    assert told.startswith(
        ("models.tiny.train.", "clean.", "data.", "folds: ", "members: ", "comp")
    )


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "expected keys with values, found nothing"),
        ("# Nothing.\n", "expected keys with values, found nothing"),
        ("- 1\n", "expected keys with values, found [1]"),
        ("hello\n", "expected keys with values, found 'hello'"),
        (f"\ufeff{TEXT}".encode("utf-16-le"), "expected UTF-8, found the byte 0xff at 0"),
        (TEXT.encode() + b"# caf\xe9\n", "expected UTF-8, found the byte 0xe9 at "),
        (f"{TEXT}\0\n", f"not YAML: line {END}: unacceptable character '\\x00'"),
        (f"{TEXT}# \a\n", f"not YAML: line {END}: unacceptable character '\\x07'"),
        (f"{TEXT}a: [\n", f"not YAML: line {END + 1}: expected the node content, but found"),
        (f"%YAML 1.1\n---\n{TEXT}", "line 2: %YAML 1.1: expected 1.2"),
        (
            instead("      epochs: 8", "\tepochs: 8"),
            f"not YAML: line {LINE}: found character '\\t'",
        ),
    ],
)
def test_files_that_are_none(content: str | bytes, expected: str, path: Path):
    assert error(content, path).startswith(expected)


@pytest.mark.parametrize(
    "content",
    [
        f"\ufeff{TEXT}",
        TEXT.replace("\n", "\r\n"),
        f"{TEXT}...\n",
        f"%YAML 1.2\n---\n{TEXT}",
        instead(EPOCHS, "epochs: +8"),
        instead("clip: 1.0", "clip: 1"),
        instead("backbone:", "backbone: &b"),
        instead("  tiny:", "  '1':"),
    ],
    ids=["BOM", "CRLF", "end", "version", "sign", "integer", "anchor", "quoted"],
)
def test_what_is_read_as_meant(content: str, path: Path):
    path.write_text(content, encoding="utf-8", newline="")
    (model,) = load_configuration(path).read("models", dict).values()
    assert (model.train.epochs, model.train.optimizer.clip) == (8, 1.0)


def test_a_recipe_is_held_to_the_same(tmp_path: Path):
    own = tmp_path / "own.yaml"
    for text, expected in (
        (f"# Mine.\n{LAUGHS}", "line 6: more than 100,000 values, aliases written out"),
        ("# Mine.\nfolds: &f [*f]\n", "line 2: *f stands inside of &f itself"),
        ("# Mine.\nsplit: {seed: 1_0}\n", f"line 2: 1_0: {DECIMAL}"),
        ("folds: " + "[" * 999, "line 1: nested deeper than 32 levels"),
    ):
        own.write_text(text)
        with pytest.raises(UserError) as told:
            compose(own, RECIPES)
        assert str(told.value) == f"{own}: {expected}"
