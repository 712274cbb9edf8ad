"""The frame that all benches share."""

import ast
import re
from pathlib import Path

import pytest

from bench import frame, turns
from tests.contract.project import ROOT, python_files

# What other benches start, and what they share; no command of a user's.
PARTS = {"depth", "peer_torch_predict", "ours", "pytorch", "seed"}


def _runnable() -> list[Path]:
    return [
        path
        for path in python_files("bench")
        if '__name__ == "__main__"' in (ROOT / path).read_text(encoding="utf-8")
        and path.stem not in PARTS
    ]


@pytest.mark.parametrize("path", _runnable(), ids=str)
def test_every_bench_says_its_command_and_stands_in_the_frame(path: Path):
    text = (ROOT / path).read_text(encoding="utf-8")
    module = ".".join(path.with_suffix("").parts).removesuffix(".__main__")
    first = (ast.get_docstring(ast.parse(text)) or "").splitlines()[0]
    assert re.search(rf"python -m {re.escape(module)}(?![\w.]*\w)", first)
    assert "frame.parser(__doc__" in text
    assert "tables.machine(" in text
    assert "exit_with_message(main)" in text
    assert "tempfile" not in text


def test_the_parser_takes_the_command_of_the_first_line():
    made = frame.parser("Some times: python -m bench.some --model m.\n\nMore.", rounds=4)
    assert made.prog == "python -m bench.some"
    frame.add_model(made, "minilm")
    assert vars(made.parse_args([])) == {"rounds": 4, "model": "minilm"}
    with pytest.raises(ValueError, match="no `python -m bench"):
        frame.parser("Some times.")


def test_a_model_without_a_default_has_to_be_given(capsys: pytest.CaptureFixture[str]):
    made = frame.parser("Times: python -m bench.")
    frame.add_model(made)
    with pytest.raises(SystemExit):
        made.parse_args([])
    assert "--model" in capsys.readouterr().err


def test_a_fresh_folder_holds_the_compile_cache_and_goes():
    with frame.fresh() as (folder, environment):
        assert environment == {"JAX_COMPILATION_CACHE_DIR": str(folder)}
        assert list(folder.iterdir()) == []
    assert not folder.exists()


def test_sides_that_are_no_peers_take_turns(capsys: pytest.CaptureFixture[str]):
    log: list[str] = []

    def side(name: str, **figures: float) -> turns.Figures:
        log.append(name)
        return dict(figures)

    found = turns.take_turns([("a", lambda: side("a", wall=3.0)), ("b", lambda: side("b"))], 2)
    assert log == ["a", "b", "a", "b"]
    assert [own["wall"] for own in found[0]] == [3.0, 3.0], "its own figure counts"
    assert [set(own) for own in found[1]] == [{"wall"}, {"wall"}]
    assert capsys.readouterr().err.splitlines()[0] == "round 1/2: a: 3.0 s"
