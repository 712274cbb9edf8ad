"""The page: whole, in order, deterministic, and safe with any essay."""

import itertools
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline import params, paths
from pipeline.evaluation.ensemble import ensemble
from pipeline.report.page import COMMIT, PAGE
from pipeline.units import Unit
from stages import report as stage
from tests.configurations import section, write_members
from tests.evaluation.project import predict, write_member
from tests.report.project import FOLDS, HOSTILE, write_run, write_timing

VOID = {"meta", "link", "br"}


class Outline(HTMLParser):
    """Elements, ids and texts of a page, held to be balanced."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def having(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        write_run()
        stage.main([])
    return made


@pytest.fixture
def text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    return PAGE.read_text(encoding="utf-8")


def test_sections_come_in_order(text: str):
    found = re.findall(r'<section id="(\w+)"', text)
    assert found == ["score", "next", "parts", "learning", "calibration", "blend", "validation",
                     "essays", "origin"]  # fmt: skip
    links = re.findall(r'<li><a href="#(\w+)"', text)
    assert links == found


def test_html_in_an_essay_stays_text(text: str):
    page = Outline(text)
    assert page.having("script") == []
    assert "<b>bold" not in text
    assert any(HOSTILE in one for one in page.texts), "and is shown"
    assert "planted &lt;device&gt;" in text


def test_nothing_is_loaded_from_elsewhere(text: str):
    page = Outline(text)
    for tag, attributes in page.tags:
        for name in ("src", "srcset", "data", "action"):
            assert name not in attributes, tag
        if tag == "link":
            assert attributes["href"] == "data:,"
        assert not [name for name in attributes if name.startswith("on")]
    assert "url(http" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def test_a_screen_reader_finds_its_way(text: str):
    page = Outline(text)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    drawings = [a for a in page.having("svg") if a.get("class") == "chart"]
    assert len(drawings) >= 11
    for drawing in drawings:
        assert drawing["role"] == "img"
        assert set((drawing["aria-labelledby"] or "").split()) <= set(ids)
    assert page.having("html") == [{"lang": "en"}]
    assert all("scope" in attributes for attributes in page.having("th"))
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in itertools.pairwise(levels))


def test_every_part_is_there(text: str):
    for heading in ("By fold", "By type", "By label", "By place in the essay",
                    "By words of the element", "By words of the essay"):  # fmt: skip
        assert f"<figcaption>{heading}</figcaption>" in text
    for figure in ("0.554", "4,711", "1,234", "12.5", "abababababababab", COMMIT, "second place"):
        assert figure in text
    assert "models: m (default: tiny)" in text
    assert text.count('<details class="essay">') >= 17


def test_an_element_that_was_not_found_is_shown_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    write_run(essays=6)
    stage.main([])
    text = PAGE.read_text(encoding="utf-8")
    essay = text[text.index("<code>e0</code>") :].partition("</details>")[0]
    assert [int(n) for n in re.findall(r"element (\d) of essay 0", essay)] == [0, 1, 2, 3, 3]
    # The last one as the essay has it, outside of any element, and again as an element.
    assert essay.count('class="element ') == 4


def test_the_same_run_is_the_same_page_but_for_its_times(folder: Path, text: str):
    stage.main([])
    assert PAGE.read_text(encoding="utf-8") == text
    write_timing("m", seconds=99.75)
    stage.main([])
    slower = PAGE.read_text(encoding="utf-8")
    write_timing("m")
    assert slower.replace("99.75", "12.5") == text
    # A fold that was trained elsewhere has none.
    paths.timing("m", Unit(0)).unlink()
    stage.main([])
    assert "Time of m" not in PAGE.read_text(encoding="utf-8")
    write_timing("m")


def test_the_stage_says_what_fires(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(folder)
    stage.main([])
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"report: report/index.html, 0\.\d MB", said[-1])
    assert all(line.startswith("report: ") for line in said)


def test_a_partial_run_of_the_baseline_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    elements = write_run()
    write_members(folds=[1])
    for folder in (paths.OOF, paths.TEST):
        (folder / "m.parquet").unlink()
    settings = section(params.Ensemble, nested_folds=3, seed=1)
    ensemble(settings, ["baseline"], [1], elements)
    stage.main([])
    text = PAGE.read_text(encoding="utf-8")
    Outline(text)
    assert "Partial: not all folds of the split; not to be submitted." in text
    assert "40 elements of 10 essays" in text
    assert "No model of this configuration is trained here." in text
    # One member has no other to be left out for, one fold none to be out of line with.
    assert "Gain by a temperature" in text
    assert "A fold out of line" not in text
    assert "A member that earns nothing" not in text


def test_a_member_of_embeddings_counts_with_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    elements = write_run()
    path = Path("params.yaml")
    ridge = "embeddings:\n  frozen: {model: m, ridge: {essay: 10.0, element: 10.0, C: 0.1}}\n"
    path.write_text(path.read_text().replace("embeddings: {}\n", ridge))
    write_member("frozen", elements, predict(elements, 9), FOLDS)
    settings = section(params.Ensemble, nested_folds=3, seed=1)
    ensemble(settings, ["baseline", "frozen", "m"], FOLDS, elements)
    stage.main([])
    text = PAGE.read_text(encoding="utf-8")
    # The blend's, the baseline's, and those of the two others.
    assert "the most of 4 predictions" in text
    assert '<th scope="row">frozen</th>' in text


def test_the_norm_of_the_gradient_is_drawn_over_the_folds(text: str):
    # By fold 2.75, 3.75 and 4.75 after a quarter of an epoch.
    chart = text[text.index("m: norm of the gradient") :]
    first = chart[chart.index("<tbody>") : chart.index("</tr>", chart.index("<tbody>"))]
    assert re.findall(r">([\d.]+)<", first) == ["0.25", "3.75", "2.75", "4.75"]
    assert "Before clipping at 1, above which the mean is for" in chart
