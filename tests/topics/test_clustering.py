"""Topics on essays whose groups are known: found, kept in a file, and blind to labels."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from pipeline import paths
from pipeline.errors import UserError
from pipeline.params import Topics
from pipeline.topics.clustering import fit, load
from pipeline.topics.make import make
from pipeline.topics.table import CLUSTERING, read_topics

GROUPS = (
    ("venus", "planet", "surface", "atmosphere", "pressure"),
    ("cars", "smog", "traffic", "driving", "parking"),
    ("phones", "texting", "classroom", "lesson", "students"),
)
COMMON = ("should", "because", "think", "reason", "example")
OPTIONS = Topics(count=3, words=2, seed=1)


def essays(count: int = 30, seed: int = 0) -> tuple[list[str], list[int]]:
    """Essays of eight words of their group and eight of all, and the groups."""
    rng = np.random.default_rng(seed)
    kinds = [i % 3 for i in range(count)]
    texts = [" ".join([*rng.choice(GROUPS[k], 8), *rng.choice(COMMON, 8)]) for k in kinds]
    return texts, kinds


def test_groups_are_found_and_told_by_their_own_words() -> None:
    texts, kinds = essays()
    found = fit(texts, OPTIONS)
    for text, kind in zip(found.describe(texts), kinds, strict=True):
        first, second = text.split()
        assert {first, second} <= set(GROUPS[kind])
        assert first != second
    assert len(set(found.texts)) == 3


def test_new_essays_are_placed_one_by_one_as_together() -> None:
    found = fit(essays()[0], OPTIONS)
    texts, kinds = essays(12, seed=9)
    together = found.place(texts)
    assert [int(found.place([text])[0]) for text in texts] == together.tolist()
    own = [found.texts[topic].split()[0] for topic in together]
    assert all(word in GROUPS[kind] for word, kind in zip(own, kinds, strict=True))


def test_the_nearest_centre_by_scikit_learn_itself() -> None:
    """The space that it fits on the same essays, and distances written out."""
    texts, _ = essays()
    found = fit(texts, OPTIONS)
    words = TfidfVectorizer(
        sublinear_tf=True,
        stop_words="english",
        min_df=2,
        max_df=0.5,
        token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
    )
    counted = words.fit_transform(texts)
    places = normalize(
        TruncatedSVD(len(words.vocabulary_) - 1, random_state=1).fit_transform(counted)
    )
    places = np.asarray(places)
    distances = np.linalg.norm(places[:, None] - found.centres[None], axis=2)
    assert found.place(texts).tolist() == distances.argmin(axis=1).tolist()


def test_an_essay_without_a_known_word_has_no_topic() -> None:
    found = fit(essays()[0], OPTIONS)
    assert found.place(["", "12 %", "unheard"]).tolist() == [-1, -1, -1]
    assert found.describe(["unheard"]) == [""]
    assert found.describe([]) == []


def test_a_file_places_as_the_fit_did(tmp_path: Path) -> None:
    texts, _ = essays()
    found = fit(texts, OPTIONS)
    found.save(tmp_path / "one")
    fit(texts, OPTIONS).save(tmp_path / "other")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
    again = load(tmp_path / "one")
    assert again.texts == found.texts
    assert again.describe(essays(12, 9)[0]) == found.describe(essays(12, 9)[0])


@pytest.mark.parametrize("content", [b"", b"no arrays at all", b"\x80\x04."])
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(UserError, match=r"file: no fitted topics: "):
        load(tmp_path / "file")


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"file: not found; run the topics stage first"):
        load(tmp_path / "file")


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["venus", "cars"], r"topics: count: 3; expected at most 2 \(essays\)"),
        (["alpha", "beta", "gamma", "delta"], r"topics: too few words in common: "),
    ],
)
def test_essays_that_have_none(texts: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit(texts, OPTIONS)


def _write(split: str, texts: list[str], labels: list[int]) -> None:
    folder = paths.clean(split)
    folder.mkdir(parents=True, exist_ok=True)
    ids = [f"{split}{i}" for i in range(len(texts))]
    pq.write_table(pa.table({"essay_id": ids, "text": texts}), folder / "essays.parquet")
    pq.write_table(pa.table({"essay_id": ids, "label": labels}), folder / "elements.parquet")


def _digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_labels_have_no_part_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    texts, kinds = essays()
    _write("test", essays(6, 9)[0], [-1] * 6)
    made = []
    for labels in (kinds, [0] * 30):
        _write("train", texts, labels)
        counted = make(OPTIONS, paths.topics("a"))
        made.append(_digests(paths.topics("a")))
    assert made[0] == made[1]
    assert set(made[0]) == {CLUSTERING, "train.parquet", "test.parquet"}
    assert sorted(counted.values()) == [10, 10, 10]
    assert len(read_topics(paths.topics("a"), "test")) == 6


def test_the_test_s_essays_count_only_where_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _write("train", essays()[0], [0] * 30)
    made = {}
    for test in (False, True):
        for seed in (8, 9):
            _write("test", essays(15, seed)[0], [-1] * 15)
            make(Topics(count=3, words=2, seed=1, test=test), paths.topics("a"))
            made[test, seed] = _digests(paths.topics("a"))[CLUSTERING]
    assert made[False, 8] == made[False, 9]
    assert made[True, 8] != made[True, 9]
