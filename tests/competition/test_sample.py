"""The committed sample is what its generator writes, and holds every oddity of the real files."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from data import make_sample
from pipeline import clean_tables
from pipeline.competition import schema
from pipeline.competition.clean_split import clean_split
from pipeline.competition.essays import read_source, report
from pipeline.competition.folding import fold
from pipeline.files import sha256
from pipeline.params import Clean
from tests.configurations import section

SAMPLE = Path(__file__).parents[2] / "data" / "sample"
CLEANING = section(Clean)
WINDOW = 256  # tokens; a word is at least one


@pytest.fixture(scope="module")
def source():
    return read_source(SAMPLE)


@pytest.fixture(scope="module")
def figures(source):
    return report(source.train, clean_split(source.train, CLEANING))


def test_generator_writes_the_same_bytes(tmp_path):
    make_sample.write(tmp_path / "sample")
    made = {p.relative_to(tmp_path / "sample"): p for p in (tmp_path / "sample").rglob("*.*")}
    committed = {p.relative_to(SAMPLE): p for p in SAMPLE.rglob("*.*")}
    assert set(made) == set(committed)
    assert [n for n in made if sha256(made[n]) != sha256(committed[n])] == []


def test_size(source, figures):
    assert sum(path.stat().st_size for path in SAMPLE.rglob("*.*")) < 1_000_000
    assert len(source.train.essays) >= 120
    assert len(source.test.essays) >= 20
    for split in (source.train, source.test):
        sizes = split.rows.groupby(schema.ESSAY_ID).size()
        assert (sizes.min(), sizes.max()) == (3, 15)
    shares = {name: count / figures["elements"] for name, count in figures["labels"].items()}
    assert shares == pytest.approx(
        {"Ineffective": 0.18, "Adequate": 0.55, "Effective": 0.27}, abs=0.02
    )
    assert min(figures["types"].values()) > 100


@pytest.mark.parametrize(
    "oddity",
    [
        "leading_white_space",
        "trailing_white_space",
        "newlines",
        "quotes",
        "no_break_spaces",
        "c1_characters",
        "placeholders",
        "not_verbatim",
        "not_verbatim_when_stripped",
        "several_times_in_essay",
        "sharing_their_text",
        "texts_with_conflicting_labels",
    ],
)
def test_oddity_occurs(figures, oddity):
    assert figures["oddities"][oddity] > 0


def test_every_text_ends_in_white_space_and_one_is_not_in_its_essay(figures):
    assert figures["oddities"]["trailing_white_space"] == figures["elements"]
    assert len(figures["not_found"]) == 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_c1_character_of_the_real_files_occurs(source, split):
    texts = "".join(getattr(source, split).rows[schema.ELEMENT_TEXT])
    assert {c for c in texts if "\x80" <= c < "\xa0"} == set("\x91\x92\x93\x94\x95\x96\x97")


def test_newlines_within_texts(source):
    texts = source.train.rows[schema.ELEMENT_TEXT].str.strip()
    assert texts.str.contains("\n\n").any()


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_plain_find_misplaces_a_repeated_text(source, split):
    made = clean_split(getattr(source, split), CLEANING)
    essays = made.essays.set_index(schema.ESSAY_ID)[clean_tables.TEXT]
    plain = [
        essays[essay].find(text)
        for essay, text in zip(
            made.elements[schema.ESSAY_ID], made.elements[schema.ELEMENT_TEXT], strict=True
        )
    ]
    found = pd.Series(plain) >= 0
    assert (made.elements[clean_tables.START][found] > pd.Series(plain)[found]).any()


@pytest.mark.parametrize("split", ["train", "test"])
def test_an_element_longer_than_a_window_and_an_essay_longer_than_a_row(source, split):
    half = getattr(source, split)
    assert half.rows[schema.ELEMENT_TEXT].str.split().str.len().max() > WINDOW
    words = [len(text.split()) for text in half.essays.values()]
    assert max(words) > 2 * WINDOW
    assert 80 <= pd.Series(words).median() <= 200


def test_spans_hold_their_texts(source):
    made = clean_split(source.train, CLEANING)
    essays = made.essays.set_index(schema.ESSAY_ID)[clean_tables.TEXT]
    for row in made.elements[made.elements[clean_tables.START] >= 0].to_dict("records"):
        text = essays[row["essay_id"]][row["start"] : row["end"]]
        assert fold(text) == fold(row["discourse_text"])


@pytest.mark.parametrize("split", ["train", "test"])
def test_rows_sorted_by_type_give_the_same_table(source, split):
    """But for essays in which a text stands twice or one was not found: row order decides there."""
    half = getattr(source, split)
    rows = half.rows.sort_values([schema.ELEMENT_TYPE, schema.ELEMENT_ID], kind="stable")
    made = clean_split(half, CLEANING).elements
    again = clean_split(dataclasses.replace(half, rows=rows), CLEANING).elements
    assert (again[clean_tables.START] < 0).sum() == (made[clean_tables.START] < 0).sum()
    stripped = half.rows[schema.ELEMENT_TEXT].str.strip()
    several = {
        essay
        for essay, text in zip(half.rows[schema.ESSAY_ID], stripped, strict=True)
        if half.essays[essay].count(text) > 1
    }
    unsure = several | set(made[schema.ESSAY_ID][made[clean_tables.START] < 0])
    sure = [essay for essay in half.essays if essay not in unsure]
    assert len(sure) > 0.8 * len(half.essays)
    for essay in sure:
        here, there = (table[table[schema.ESSAY_ID] == essay] for table in (made, again))
        assert here.to_dict("records") == there.to_dict("records")


def test_coined_words_hardly_recur(source):
    words = source.train.rows[schema.ELEMENT_TEXT].str.lower().str.findall(r"\w{4,}(?:ful|less)\b")
    counts = words.explode().dropna().value_counts()
    assert counts.sum() > 3000
    assert counts.mean() < 1.1
