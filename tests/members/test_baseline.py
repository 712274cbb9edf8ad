"""The scikit-learn member, by hand where it can be, and from its stage."""

import os
import re
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from threadpoolctl import threadpool_limits

from pipeline import params, paths
from pipeline.errors import UserError
from pipeline.evaluation.priors import class_priors
from pipeline.files import sha256
from pipeline.members import baseline
from pipeline.members.features import Texts, kinds, numbers, read_texts
from pipeline.members.fitted import Fitted, load, save
from pipeline.metrics import log_loss
from pipeline.tables.elements import read_elements, read_test_ids
from pipeline.tables.predictions import Predictions, read_predictions
from stages import baseline as baseline_stage
from tests.configurations import section, write_members

pytestmark = pytest.mark.golden

KNOBS = section(params.Baseline, max_features=500, C=1.0)
N_FOLDS = 3
KINDS = ["Lead", "Claim", "Evidence"]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Clean tables of 60 essays; an essay's word tells its quality, a text's length its label."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for split, n in (("train", 60), ("test", 6)):
        elements, essays = [], []
        for e in range(n):
            quality = int(rng.integers(0, 3))
            texts = []
            for j, kind in enumerate(KINDS):
                label = int(np.clip(quality + rng.integers(-1, 2), 0, 2))
                texts.append("word " * (4 + 6 * label + int(rng.integers(0, 5))) + "end.")
                row = (f"{split}{e}_{j}", f"{split}{e}", kind, texts[-1], -1, -1)
                elements.append((*row, label if split == "train" else -1))
            essays.append((f"{split}{e}", f"{['poor', 'fair', 'good'][quality]} {' '.join(texts)}"))
        names = ["discourse_id", "essay_id", "discourse_type", "discourse_text", "start", "end"]
        folder = paths.clean(split)
        folder.mkdir(parents=True)
        table = pd.DataFrame(elements, columns=[*names, "label"]).astype({"label": "int8"})
        table.to_parquet(folder / "elements.parquet")
        pd.DataFrame(essays, columns=["essay_id", "text"]).to_parquet(folder / "essays.parquet")
    folds = [(f"train{e}", e % N_FOLDS) for e in range(60)]
    pd.DataFrame(folds, columns=["essay_id", "fold"]).to_parquet(paths.FOLDS)
    return tmp_path


def run(folds: list[int]) -> None:
    baseline.run(KNOBS, folds, read_elements(folds), read_texts("train"), read_texts("test"))


def tables() -> tuple[Predictions, Predictions]:
    return read_predictions(paths.oof("baseline")), read_predictions(paths.test("baseline"))


def test_every_element_is_predicted_once_and_every_test_element_by_every_fold(
    project: Path,
) -> None:
    run([0, 1, 2])
    elements = read_elements([0, 1, 2])
    oof = read_predictions(paths.oof("baseline"))
    assert oof.element_ids == elements.element_ids
    assert oof.folds.tolist() == elements.folds.tolist()
    loss = log_loss(elements.labels, oof.probabilities)
    assert loss < log_loss(elements.labels, class_priors(elements.labels, elements.folds)) - 0.2
    test = read_predictions(paths.test("baseline"))
    assert test.element_ids == read_test_ids() * 3
    assert test.folds.tolist() == [0] * 18 + [1] * 18 + [2] * 18


def test_a_part_of_the_folds_gives_a_part_of_the_tables(project: Path) -> None:
    run([0, 1, 2])
    whole, whole_test = (
        read_predictions(p) for p in (paths.oof("baseline"), paths.test("baseline"))
    )
    run([1])
    part, part_test = tables()
    assert set(part.folds.tolist()) == {1}
    np.testing.assert_array_equal(part.probabilities, whole.probabilities[whole.folds == 1])
    np.testing.assert_array_equal(
        part_test.probabilities, whole_test.probabilities[whole_test.folds == 1]
    )
    assert [path.name for path in paths.BASELINE.iterdir()] == ["fold1.npz"]
    assert read_elements([1]).partial([1])
    assert not read_elements([1]).partial([2, 0, 1])


def test_a_second_run_gives_the_same_bytes(project: Path) -> None:
    def hashes() -> dict[str, str]:
        run([0, 2])
        return {str(p): sha256(p) for p in sorted(Path("artifacts").rglob("*")) if p.is_file()}

    first = hashes()
    assert len(first) == 4
    assert hashes() == first


def test_a_folds_model_never_sees_its_own_essays(project: Path) -> None:
    elements, texts = read_elements([0, 1, 2]), read_texts("train")
    own = elements.folds == 0
    first, matrix = baseline.fit(KNOBS, texts, elements, ~own)
    elements.labels[own] = (elements.labels[own] + 1) % 3
    strange = [f"strange {t}" if e % N_FOLDS == 0 else t for e, t in enumerate(texts.essays)]
    changed = Texts(texts.element_ids, texts.types, texts.elements, texts.essay, strange)
    second, _ = baseline.fit(KNOBS, changed, elements, ~own)
    np.testing.assert_array_equal(first.predict(matrix), second.predict(matrix))


def test_a_saved_model_predicts_the_same_from_texts_alone(project: Path) -> None:
    elements, texts = read_elements([0, 1, 2]), read_texts("train")
    fitted, _ = baseline.fit(KNOBS, texts, elements, elements.folds != 0)
    save(Path("f.npz"), fitted)
    back, test = load(Path("f.npz")), read_texts("test")
    np.testing.assert_array_equal(
        back.predict(back.matrix(test)), fitted.predict(fitted.matrix(test))
    )


def test_numbers_of_an_element_by_hand() -> None:
    texts = Texts(["a", "b", "c"], ["Lead", "Claim", "Claim"], ["One two.", "x", "yy zz"],
                  np.array([0, 0, 0]), ["One two.\n\nx between yy zz"])  # fmt: skip
    log = np.log1p
    np.testing.assert_allclose(
        numbers(texts)[2],
        [log(2), log(2) ** 2, log(5), log(2.5), log(6), log(6) ** 2, 2 / 6, 1.0, log(3), log(2),
         log(2)],
    )  # fmt: skip
    assert kinds(texts).argmax(axis=1).tolist() == [0, 2, 2]


def test_a_label_that_training_lacks_gets_nothing(project: Path) -> None:
    elements, texts = read_elements([0, 1, 2]), read_texts("train")
    elements.labels[elements.labels == 2] = 1
    fitted, matrix = baseline.fit(KNOBS, texts, elements, elements.folds != 0)
    rows = fitted.predict(matrix)
    assert (rows[:, 2] == 0.0).all()
    np.testing.assert_allclose(rows.sum(axis=1), 1.0)


def test_impossible_settings_are_named(project: Path) -> None:
    elements, texts = read_elements([0, 1, 2]), read_texts("train")
    knobs = section(params.Baseline, max_features=500, min_documents=1000, C=1.0)
    with pytest.raises(UserError, match=r"params\.yaml: baseline\.min_documents"):
        baseline.fit(knobs, texts, elements, elements.folds != 0)
    elements.labels[:] = 1
    with pytest.raises(UserError, match="have one label"):
        baseline.fit(KNOBS, texts, elements, elements.folds != 0)


def test_folds_and_essays_must_belong_together(project: Path) -> None:
    with pytest.raises(UserError, match=r"folds: no essay in fold 4, .* has \[0, 1, 2\]"):
        read_elements([0, 4])
    pd.read_parquet(paths.FOLDS).iloc[1:].to_parquet(paths.FOLDS)
    with pytest.raises(UserError, match=r"no fold for essay 'train0' .*; run `dvc repro split`"):
        read_elements([0])


ARRAYS = {
    "words": np.array(b"fair\ngood"),
    "ngrams": np.array(1),
    "idf": np.ones(2),
    "mean": np.zeros(11),
    "scale": np.ones(11),
    "coefficients": np.zeros((3, 7 + 11 + 7 * 11 + 2)),  # types, numbers, products, words
    "intercepts": np.log([0.2, 0.3, 0.5]),
    "labels": np.arange(3),
}


def test_arrays_made_by_hand_are_a_model(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", **ARRAYS)
    back = load(tmp_path / "f.npz")
    texts = Texts(["a"], ["Claim"], ["so good"], np.array([0]), ["Good, fair: good!"])
    matrix = sparse.csr_matrix(back.matrix(texts))
    twice = 1 + np.log(2)
    np.testing.assert_allclose(
        matrix[0, -2:].toarray()[0], np.array([1, twice]) / np.hypot(1, twice), rtol=1e-15
    )
    np.testing.assert_allclose(back.predict(matrix), [[0.2, 0.3, 0.5]], rtol=1e-15)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"words": np.array(["fair", 1], object)}, "Object arrays cannot be loaded"),
        ({"words": np.array(b"fair")}, "idf length = 2 must be equal to vocabulary size = 1"),
        ({"words": np.array(b"fair\nfair")}, "Duplicate term in vocabulary"),
        ({"words": np.array(1)}, "object has no attribute"),
        ({"labels": None}, "no array 'labels'"),
    ],
)
def test_other_arrays_are_refused(
    change: dict[str, np.ndarray | None], found: str, tmp_path: Path
) -> None:
    arrays = {name: array for name, array in (ARRAYS | change).items() if array is not None}
    np.savez(tmp_path / "f.npz", **cast(Any, arrays))
    with pytest.raises(UserError, match=rf"f\.npz: no fitted baseline: .*{found}"):
        load(tmp_path / "f.npz")


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "f.npz"
    with pytest.raises(UserError, match=r"f\.npz: not found"):
        load(path)
    for content in (b"", b"no archive", b"\x80\x04K\x01."):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"f\.npz: no fitted baseline: "):
            load(path)
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(UserError, match=r"f\.npz: no fitted baseline: "):
        load(path)


def _claiming(kind: str, shape: str, data: bytes = b"", version: int = 1) -> bytes:
    """An array in NumPy's format whose header says what it is told to."""
    text = f"{{'descr': {kind}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + size + text + data


CLAIMS: dict[str, tuple[bytes, str]] = {
    "petabytes": (_claiming("'<f8'", f"({10**15},)"), f"claims {8 * 10**15} bytes, holds 0"),
    "gigabytes": (_claiming("'<f8'", f"({10**10},)", b"8 bytes."), f"claims {8 * 10**10} bytes"),
    "beyond a word": (_claiming("'<f8'", f"({10**30},)"), f"claims {8 * 10**30} bytes, holds 0"),
    "a product of 0": (_claiming("'<f8'", f"({2**32}, {2**32})"), f"claims {8 * 2**64} bytes"),
    "no end": (_claiming("'<f8'", "(2,)", b"8 bytes."), "claims 16 bytes, holds 8"),
    "a tail": (_claiming("'<f8'", "(2,)", bytes(24)), "claims 16 bytes, holds 24"),
    "less than nothing": (_claiming("'<f8'", "(-2,)", bytes(16)), "claims -16 bytes, holds 16"),
    "less times less": (_claiming("'<f8'", "(-2, -1)", bytes(16)), "can only specify one unknown"),
    "objects": (_claiming("'|O'", "(2,)", b"cos\nsystem\n...."), "Object arrays cannot be loaded"),
    "a later version": (_claiming("'<f8'", "(2,)", bytes(16), 9), "we only support format version"),
    "open brackets": (_claiming("'<f8'", "(((", bytes(16)), "no header of an array"),
    "open quotes": (_claiming("'<f8'", 3 * '"', bytes(16)), "no header of an array"),
    "depth": (_claiming("-" * 9000 + "1", "(2,)"), "no header of an array"),
    "no array": (b"hello", "EOF: reading magic string"),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_an_array_that_is_not_what_it_claims_is_refused(name: str, tmp_path: Path) -> None:
    """Before any room is taken for it."""
    array, found = CLAIMS[name]
    path = tmp_path / "f.npz"
    np.savez(path, **{name: value for name, value in ARRAYS.items() if name != "idf"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("idf.npy", array)
    with pytest.raises(UserError) as error:
        load(path)
    assert str(error.value).startswith(f"{path}: no fitted baseline: idf: {found}")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_under_a_later_version_of_the_format_is_read(tmp_path: Path, version: int) -> None:
    path = tmp_path / "f.npz"
    np.savez(path, **{name: value for name, value in ARRAYS.items() if name != "idf"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("idf.npy", _claiming("'<f8'", "(2,)", np.ones(2).tobytes(), version))
    back = load(path)
    assert isinstance(back, Fitted)
    assert back.words.idf_.tolist() == [1.0, 1.0]


def test_a_damaged_file_is_refused_or_says_the_same(tmp_path: Path) -> None:
    """An archive has a checksum over each array; the rest of it decides no number."""
    path, refused = tmp_path / "f.npz", []
    np.savez(path, **ARRAYS)
    content = path.read_bytes()
    for place in [*range(0, len(content), 7), *range(len(content) - 600, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        try:
            back = load(path)
        except UserError as error:
            refused.append(str(error))
        else:
            assert isinstance(back, Fitted)
            np.testing.assert_array_equal(back.classifier.intercept_, ARRAYS["intercepts"])
            assert back.words.vocabulary_ == {"fair": 0, "good": 1}
    assert len(refused) > 500
    assert not any("\n" in line for line in refused)
    path.write_bytes(content[:-100])
    with pytest.raises(UserError, match=r"f\.npz: no fitted baseline: "):
        load(path)


def test_a_file_holds_no_times(tmp_path: Path) -> None:
    np.savez(tmp_path / "f.npz", **ARRAYS)
    save(tmp_path / "g.npz", load(tmp_path / "f.npz"))
    with zipfile.ZipFile(tmp_path / "g.npz") as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}


def test_the_stage_says_its_log_loss(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_members([0, 2])
    baseline_stage.main([])
    found = capsys.readouterr().out
    assert re.fullmatch(
        r"baseline: log loss \d\.\d{4} out of fold \(partial: not all folds\), "
        r"artifacts/oof/baseline\.parquet\n",
        found,
    )


def test_the_number_of_threads_does_not_matter(project: Path) -> None:
    hashes = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            run([0, 1, 2])
        made = [*sorted(paths.BASELINE.iterdir()), paths.oof("baseline"), paths.test("baseline")]
        hashes.append([sha256(path) for path in made])
    assert hashes[0] == hashes[1]


@pytest.mark.slow
def test_another_process_saves_the_same_bytes(project: Path) -> None:
    write_members()
    environment = os.environ | {"PYTHONPATH": str(Path(baseline_stage.__file__).parents[1])}
    hashes = []
    for _ in range(2):
        command = [sys.executable, "-c", "from stages.baseline import main; main()"]
        subprocess.run(command, check=True, env=environment, capture_output=True)
        hashes.append([sha256(path) for path in sorted(paths.BASELINE.iterdir())])
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize("labels", [(0, 1, 2), (0, 2)])
def test_probabilities_by_hand(project: Path, labels: tuple[int, ...]) -> None:
    elements, texts = read_elements(), read_texts("train")
    fitted, matrix = baseline.fit(KNOBS, texts, elements, np.isin(elements.labels, labels))
    assert fitted.classifier.classes_.tolist() == list(labels)
    scores = matrix @ fitted.classifier.coef_.T + fitted.classifier.intercept_
    if len(labels) == 2:  # of the second alone
        scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
    powers = np.exp(scores)
    expected = np.zeros((len(elements), 3))
    expected[:, list(labels)] = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.predict(matrix), expected, rtol=0, atol=1e-14)
