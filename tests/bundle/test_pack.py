"""What is packed, and what is refused, each with the line that the user sees."""

import base64
import csv
import hashlib
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file, save_file

from commands import bundle as stage
from pipeline import paths
from pipeline.bundle.wheels import LACKING, build_own, repack
from pipeline.competition.schema import LABELS
from pipeline.errors import UserError
from pipeline.graph.locked_outputs import md5
from pipeline.tables.elements import read_elements
from pipeline.tables.predictions import write_predictions
from pipeline.units import Unit
from tests.bundle.graph import MODEL, edit_configuration, write_lock
from tests.configurations import DEFAULT, changed, write
from tests.contract.project import ROOT


def _manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text())


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_manifest_names_every_file_and_its_bytes(bundle: Path) -> None:
    said = _manifest(bundle)
    there = {p.relative_to(bundle).as_posix(): p for p in bundle.rglob("*") if p.is_file()}
    del there["manifest.json"]
    assert set(said["files"]) == set(there)
    for name, path in there.items():
        assert said["files"][name] == {"sha256": _sha256(path), "bytes": path.stat().st_size}
    assert said["total_bytes"] == sum(path.stat().st_size for path in there.values())
    assert said["format"] == 2
    assert said["tables"] == ["test.csv", "sample_submission.csv"]
    assert said["lock"] == _sha256(Path("dvc.lock"))
    assert said["parameters"] == _sha256(Path("params.yaml")) == _sha256(bundle / "params.yaml")
    assert said["recipe"] is None
    assert said["commit"] is None, "there is no git here"


def test_in_float32_it_predicts_as_the_graph(bundle: Path) -> None:
    graph = json.loads(Path("artifacts/ensemble/weights.json").read_text())
    blend = json.loads((bundle / "ensemble.json").read_text())
    assert blend["pool"] == "loglinear"
    assert dict(zip(blend["members"], blend["weights"], strict=True)) == graph["weights"]
    assert dict(zip(LABELS, blend["bias"], strict=True)) == graph["bias"]
    figures = json.loads(Path("metrics/ensemble.json").read_text())
    assert _manifest(bundle)["log_loss"] == figures["log_loss"]
    for fold in (0, 1):
        packed = bundle / f"models/{MODEL}/fold{fold}/model.safetensors"
        assert _sha256(packed) == _sha256(paths.weights(MODEL, Unit(fold)) / "model.safetensors")
        packed = bundle / f"baseline/fold{fold}.npz"
        assert _sha256(packed) == _sha256(paths.BASELINE / f"fold{fold}.npz")


def test_priors_are_class_shares_by_type(bundle: Path) -> None:
    priors = json.loads((bundle / "ensemble.json").read_text())["priors"]
    elements = read_elements()
    labels = [
        int(i) for i, kind in zip(elements.labels, elements.types, strict=True) if kind == "Lead"
    ]
    every = np.array([(elements.labels == label).sum() + 1 / 3 for label in range(3)])
    every /= len(elements) + 1
    expected = [(labels.count(i) + every[i]) / (len(labels) + 1) for i in range(3)]
    np.testing.assert_allclose(priors["Lead"], expected, rtol=1e-12)
    np.testing.assert_allclose(priors[""], every, rtol=1e-12)


def test_a_commit_says_whether_the_tree_was_clean(graph: Path) -> None:
    def git(*arguments: str) -> str:
        author = ("-c", "user.name=Nobody", "-c", "user.email=nobody@example.org")
        done = subprocess.run(["git", *author, *arguments], check=True, capture_output=True)
        return done.stdout.decode().strip()

    git("init", "--quiet")
    paths.LEDGER.touch()
    figures, points = paths.metrics(MODEL), paths.plots(MODEL) / "learning.csv"
    for made in (figures, points):
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text("{}")
    git("add", "params.yaml", "dvc.lock", str(paths.LEDGER), str(figures), str(points))
    git("commit", "--quiet", "--message=All")
    git("tag", "v1")
    head = git("rev-parse", "HEAD")
    for written, line in (("dvc.lock", "# By the graph.\n"), (paths.LEDGER, "{}\n")):
        with Path(written).open("a") as stream:
            stream.write(line)
    figures.write_text('{"log_loss": 0.5}')
    points.unlink()
    stage.main([])
    assert _manifest(paths.bundle())["commit"] == head
    with Path("params.yaml").open("a") as stream:
        stream.write("# A remark.\n")
    stage.main([])
    assert _manifest(paths.bundle())["commit"] == f"{head}-dirty"
    # A recipe in use is no edit, but for one that no commit has, or not as it stands.
    Path("recipes").mkdir()
    Path("recipes/default.yaml").write_bytes(Path("params.yaml").read_bytes())
    stage.main([])
    assert _manifest(paths.bundle())["commit"] == f"{head}-dirty"
    git("add", "recipes")
    git("commit", "--quiet", "--message=A recipe")
    head = git("rev-parse", "HEAD")
    stage.main([])
    assert _manifest(paths.bundle())["commit"] == head
    for path in ("recipes/default.yaml", "params.yaml"):
        with Path(path).open("a") as stream:
            stream.write("# Another remark.\n")
    stage.main([])
    assert _manifest(paths.bundle())["commit"] == f"{head}-dirty"


def test_a_recipe_is_known_wherever_it_runs(graph: Path) -> None:
    Path("recipes").mkdir()
    write(DEFAULT, Path("recipes/default.yaml"))
    tree = YAML(typ="safe", pure=True).load(Path("params.yaml"))
    write(changed(tree, {"data": {"source": "elsewhere"}}), Path("recipes/ready.yaml"))
    write({"unfinished": 1}, Path("recipes/mine.yaml"))
    stage.main([])
    assert _manifest(paths.bundle())["recipe"] == "ready"


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_half_the_size_and_say_what_they_cost(
    graph: Path, dtype: str, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = paths.weights(MODEL, Unit(0)) / "model.safetensors"
    stage.main(["--dtype", dtype])
    packed = paths.bundle() / f"models/{MODEL}/fold0/model.safetensors"
    assert packed.stat().st_size < 0.52 * whole.stat().st_size
    before, after = load_file(whole), load_file(packed)
    assert {array.dtype.name for array in after.values()} == {dtype}
    for name, array in before.items():
        np.testing.assert_array_equal(after[name], array.astype(after[name].dtype))
    said = capsys.readouterr().out
    assert f"bundle: {MODEL}: log loss out of fold" in said
    figures = json.loads(Path("metrics/ensemble.json").read_text())
    line = next(line for line in said.splitlines() if "blend, nested" in line)
    assert f"{figures['log_loss']:.6f} as trained" in line
    log_loss = _manifest(paths.bundle())["log_loss"]
    assert f"{log_loss:.6f} with {dtype} ({log_loss - figures['log_loss']:+.6f})" in line
    assert 0.0 < abs(log_loss - figures["log_loss"]) < 0.01


def test_a_weight_beyond_the_dtype_is_refused(graph: Path) -> None:
    path = paths.weights(MODEL, Unit(1)) / "model.safetensors"
    tensors = load_file(path)
    tensors["classifier.bias"][0] = 70000.0
    save_file(tensors, path, metadata={"format": "pt"})
    write_lock()
    before = _manifest(paths.bundle())
    with pytest.raises(UserError) as error:
        stage.main(["--dtype", "float16"])
    assert str(error.value) == (
        f"{path.parent}: classifier.bias: 70000 is too large for float16; use --dtype bfloat16"
    )
    assert _manifest(paths.bundle()) == before, "the last bundle stays whole"
    assert list(Path("artifacts").glob(".bundle*")) == []


def test_a_partial_run_is_refused(graph: Path) -> None:
    edit_configuration(folds=[0])
    with pytest.raises(UserError) as error:
        stage.main([])
    assert str(error.value) == (
        "params.yaml: folds: [0] leave essays out, expected [0, 1]: a partial run is not submitted"
    )


def test_weights_that_are_not_the_lock_s_are_refused(graph: Path) -> None:
    path = paths.weights(MODEL, Unit(1)) / "model.safetensors"
    expected = md5(path.parent)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError) as error:
        stage.main([])
    assert str(error.value) == (
        f"{path.parent}: expected md5 {expected} as dvc.lock has it, found {md5(path.parent)}; "
        "run make mend, then make submission"
    )


@pytest.mark.parametrize(
    "path", ["data/folds.parquet", "data/clean/train", "metrics/ensemble.json"]
)
def test_elements_and_figures_that_are_not_the_lock_s_are_refused(graph: Path, path: str) -> None:
    """Elements fit the blend, and say what it is worth; figures say that no fold is missing."""
    file = Path(path) / "elements.parquet" if Path(path).is_dir() else Path(path)
    with file.open("ab") as stream:
        stream.write(b"more")
    with pytest.raises(UserError, match=rf"^{path}: expected md5 \w+(\.dir)? as dvc.lock has it"):
        stage.main([])


def test_a_configuration_that_the_graph_did_not_run_with_is_refused(graph: Path) -> None:
    edit_configuration(baseline={"C": 0.5})
    with pytest.raises(UserError) as error:
        stage.main([])
    assert str(error.value) == (
        "params.yaml: baseline.C: stage@0 ran with another value, as dvc.lock has it; run dvc repro"
    )


def test_what_is_not_there_is_refused(graph: Path) -> None:
    lock = Path("dvc.lock").read_text()
    Path("dvc.lock").write_text(lock.replace("oof/small", "oof/other"))
    with pytest.raises(UserError, match=r"^dvc.lock: no output artifacts/oof/small.parquet; run"):
        stage.main([])
    Path("dvc.lock").write_text(lock)
    paths.oof(MODEL).unlink()
    with pytest.raises(UserError, match=r"small.parquet: not found; run dvc repro, or dvc check"):
        stage.main([])
    Path("dvc.lock").unlink()
    with pytest.raises(UserError, match=r"^dvc.lock: not found; run dvc repro"):
        stage.main([])


def test_external_members_are_left_out_only_when_asked(
    graph: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Theirs knows the labels, so that the blend without is worse by what the line says."""
    elements = read_elements()
    known = np.full((len(elements), 3), 0.1)
    known[np.arange(len(elements)), elements.labels] = 0.8
    write_predictions(paths.oof("theirs"), elements.element_ids, elements.folds, known)
    write_lock([paths.oof("theirs")])
    edit_configuration(members={"theirs": {"oof": "oof.csv", "test": "test.csv"}})
    own = json.loads(Path("metrics/ensemble.json").read_text())["log_loss"]
    with pytest.raises(UserError) as error:
        stage.main([])
    line = str(error.value)
    start = (
        "params.yaml: members: theirs cannot predict the hidden test; the blend without has a "
        f"nested log loss of {own:.4f} instead of "
    )
    assert line.startswith(start)
    whole = float(line.removeprefix(start).split()[0])
    assert whole < 0.3 < own
    assert line.endswith(f"({own - whole:+.4f}); --without-external goes on without")
    capsys.readouterr()
    stage.main(["--without-external"])
    assert "theirs cannot predict the hidden test" in capsys.readouterr().out
    assert _manifest(paths.bundle())["log_loss"] == own


def test_wheels_hold_what_inference_imports(bundle: Path) -> None:
    names = {path.name.split("-")[0] for path in (bundle / "wheels").iterdir()}
    lacking = {name.replace("-", "_").replace(".", "_") for name in LACKING}
    assert names == {"effective_arguments"} | lacking
    for wheel in (bundle / "wheels").iterdir():
        with zipfile.ZipFile(wheel) as archive:
            assert not [name for name in archive.namelist() if name.endswith((".so", ".pyd"))]
            _check_record(archive)
    own = next((bundle / "wheels").glob("effective_arguments-*"))
    with zipfile.ZipFile(own) as archive:
        packed = {name for name in archive.namelist() if ".dist-info" not in name}
    expected = {
        path.relative_to(ROOT).as_posix()
        for folder in ("pipeline", "stages")
        for path in (ROOT / folder).rglob("*.py")
    }
    assert packed == expected


def _check_record(archive: zipfile.ZipFile) -> None:
    """A wheel's record lists every file with its digest, as pip checks it."""
    record = next(name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
    rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
    assert {row[0] for row in rows} == set(archive.namelist())
    for name, said, _ in rows:
        if name != record:
            digest = base64.urlsafe_b64encode(hashlib.sha256(archive.read(name)).digest())
            assert said == f"sha256={digest.decode().rstrip('=')}"


def test_the_same_sources_give_the_same_wheels(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        build_own(ROOT, tmp_path / name)
        repack("jaxtyping", tmp_path / name)
    one, two = sorted((tmp_path / "one").iterdir()), sorted((tmp_path / "two").iterdir())
    assert [path.name for path in one] == [path.name for path in two]
    assert [_sha256(path) for path in one] == [_sha256(path) for path in two]


def test_an_edit_of_the_readme_makes_no_other_wheel(tmp_path: Path) -> None:
    """What predicts the same is the same bundle, and so the same submission."""
    for name in ("one", "two"):
        root = tmp_path / name
        (root / "wheels").mkdir(parents=True)
        (root / "pipeline").mkdir()
        (root / "pipeline/__init__.py").write_text('"""A package."""\n')
        for file in ("pyproject.toml", "LICENSE"):
            shutil.copy(ROOT / file, root / file)
        (root / "README.md").write_text(f"edition {name}\n")
        build_own(root, root / "wheels")
    one, two = (next((tmp_path / name / "wheels").iterdir()) for name in ("one", "two"))
    assert _sha256(one) == _sha256(two)


def test_what_can_not_be_packed_as_a_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^numpy: expected a pure wheel, found one for "):
        repack("numpy", tmp_path)
    with pytest.raises(UserError, match=r"^no-such-thing: not installed"):
        repack("no-such-thing", tmp_path)
    (tmp_path / "pyproject.toml").write_text("[project\n")
    with pytest.raises(UserError, match=r"pyproject.toml: its wheel can't be built: .*\S"):
        build_own(tmp_path, tmp_path)


def test_hashes_are_dvc_s_own(graph: Path) -> None:
    """The same folder through `dvc add`."""
    Path("folder/below").mkdir(parents=True)
    for name in ("b", "a.txt", "below/x", "below.y"):
        Path("folder", name).write_text(f"{name}\r\n")
    (graph / ".dvc").mkdir()
    Path(".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    subprocess.run([sys.executable, "-m", "dvc", "add", "--quiet", "folder"], check=True)
    expected = YAML(typ="safe").load(Path("folder.dvc").read_text())["outs"][0]["md5"]
    assert md5(Path("folder")) == expected
