"""`commands.show`: an essay on a terminal, out of fold or as it is predicted."""

import io
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from commands import show
from pipeline import paths
from pipeline.errors import UserError
from pipeline.viewing.colours import strong
from pipeline.viewing.parts import Part, Placed, cut
from pipeline.viewing.terminal import show as show_parts
from tests.report.project import HOSTILE, write_run

PART = Part("[bold]a[/bold] \x1b[31mb", 0, "Adequate", "Effective", (0.1, 0.2, 0.7), 1.609)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    write_run()
    return tmp_path


def _drawn(parts: list[Part], width: int, **options: object) -> str:
    stream = io.StringIO()
    show_parts("E", parts, Console(file=stream, width=width, highlight=False, **options))  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize(
    ("member", "table"),
    [("ensemble", paths.ENSEMBLE / "oof.parquet"), ("m", paths.oof("m"))],
)
def test_the_numbers_are_the_tables(
    run: Path, capsys: pytest.CaptureFixture[str], member: str, table: Path
):
    show.main(["e0", "--member", member])
    said = capsys.readouterr().out
    rows = {row["discourse_id"]: row for row in pq.read_table(table).to_pylist()}
    losses = []
    elements = pq.read_table(paths.clean("train") / "elements.parquet").to_pylist()
    for j, row in enumerate(elements[:4]):
        own = rows[f"e0_{j}"]
        shown = [own[name] for name in ("Ineffective", "Adequate", "Effective")]
        told = "Ineffective {:.3f}  Adequate {:.3f}  Effective {:.3f}".format(*shown)
        assert told in said
        losses.append(-np.log(shown[row["label"]]))
    by = "the blend" if member == "ensemble" else member
    assert said.startswith(f"e0: log loss {np.mean(losses):.4f} of {by}; 4 elements;")
    assert "held out in fold 0" in said
    assert f"{HOSTILE} element 3 of essay 0." in said, "not found in the essay, shown behind it"
    assert "\x1b" not in said, "no terminal, no colour"


def test_an_unknown_essay_is_one_line(run: Path):
    test = paths.clean("test")
    test.mkdir(parents=True, exist_ok=True)
    table = pq.read_table(paths.clean("train") / "essays.parquet")
    pq.write_table(table.slice(0, 0), test / "essays.parquet")
    with pytest.raises(UserError, match=r"^data/clean: no essay 'e99'; the nearest .* is 'e9'$"):
        show.main(["e99"])


def test_an_unknown_member_is_one_line(run: Path):
    with pytest.raises(UserError, match=r"--member: no 'baselin'; .* 'baseline'"):
        show.main(["e0", "--member", "baselin"])


def test_an_essay_s_own_text_commands_nothing():
    said = _drawn([PART], 80, force_terminal=True, color_system="truecolor")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    assert "[bold]a[/bold] \\x1b[31mb" in plain
    red, green, blue = (int(strong(0)[i : i + 2], 16) for i in (1, 3, 5))
    assert f"48;2;{red};{green};{blue}m" in said, "under the type's colour"


def test_without_colour_types_are_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    said = _drawn([PART], 80, force_terminal=True, color_system="truecolor")
    assert not re.search(r"\x1b\[[0-9;]*(3|4)[0-9;]*m", said), "neither ink nor paper"
    assert "Lead" in said


@pytest.mark.parametrize("width", [80, 40, 24])
def test_nothing_is_wider_than_the_terminal(width: int):
    said = _drawn([Part("Word " * 40), PART], width)
    assert max(map(len, said.splitlines())) <= width
    for word in ("Lead", "label Adequate", "predicted Effective", "0.700"):
        assert word in said


def test_a_text_is_cut_once():
    """By hand: one element inside another, one that reaches over, one that is nowhere."""
    text = "ab cdef gh ij"
    spans = [(3, 7), (4, 6), (5, 10), (-1, -1)]
    own = ["cdef", "de", "ef gh", "gone"]
    placed = [Placed(Part(t, 0), *span) for t, span in zip(own, spans, strict=True)]
    assert [part.text for part in cut(text, placed)] == ["ab", "cdef", "de", "gh", "ij", "gone"]
