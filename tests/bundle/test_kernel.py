"""The file that Kaggle runs: what it finds, what it refuses, and that it needs nothing else."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.bundle import kernel
from pipeline.bundle.blend import read_blend
from pipeline.bundle.hidden_oddities import write_odd_test
from pipeline.bundle.rehearsal import compare, read_submission, rehearse
from pipeline.errors import UserError
from tests.bundle.graph import MODEL

SCRIPT = Path(kernel.__file__)


def test_until_the_wheels_are_there_it_needs_the_standard_library_only() -> None:
    for node in ast.parse(SCRIPT.read_text()).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or node.names[0].name]
            assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_the_file_alone_predicts_as_the_graph_whatever_is_odd(
    bundle: Path, competition: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Offline, from read-only mounts, with nothing of the repository on the path.

    Beside the visible test stands every oddity at once.
    """
    scratch = tmp_path / "kaggle"
    scratch.mkdir()
    odd = write_odd_test(competition, tmp_path / "odd")
    found = read_submission(rehearse(Path(sys.executable), bundle, tmp_path / "odd", scratch))
    visible, priors = read_submission(Path("submission.csv")), read_blend(bundle).priors
    assert odd.compare(found, visible, priors) < 1e-6
    assert set(visible) < set(found)
    assert len(odd.oddities) == 15
    said = [line for line in capfd.readouterr().out.splitlines() if line.startswith("odd: ")]
    assert [line for line in said if " rows are out of the order " not in line] == [
        "odd: test.csv: 1 rows with an id seen before",
        "odd: test.csv: 1 rows with no id",
        "odd: test.csv: 2 rows with an unknown discourse_type: the first is discourse_id 'type0' "
        "with 'Digression'",
        "odd: sample_submission.csv: 3 ids (the first: 'unsampled0') of test.csv not in it: not "
        "written",
        "odd: sample_submission.csv: 1 ids (the first: 'only,sampled') not in test.csv: priors are "
        "written",
        "odd: test.csv: 42 of 93 elements do not stand in their essay, the first is discourse_id "
        "'elsewhere0' of essay 'elsewhere'; their texts are inserted",
        "odd: essay 'absent' (3 elements): absent.txt: not found",
        "odd: essay 'empty' (3 elements): empty.txt: empty",
    ]


@pytest.mark.parametrize("place", ["bundle", "datasets/me/bundle", "me/models/bundle/2/bundle"])
def test_a_bundle_is_found_wherever_it_is_mounted(
    bundle: Path, competition: Path, tmp_path: Path, place: str
) -> None:
    root = tmp_path / "input"
    shutil.copytree(bundle, root / place)
    (root / "competitions").mkdir()
    shutil.copytree(competition, root / "competitions/feedback")
    (root / "other").mkdir()
    (root / "other/manifest.json").write_text('{"format": 2}')
    found, manifest = kernel.find_bundle(root)
    assert found == root / place
    kernel.check(found, manifest)
    assert kernel.find_competition(root, manifest["tables"]) == root / "competitions/feedback"


def test_the_same_bundle_under_two_mounts_is_one(bundle: Path, tmp_path: Path) -> None:
    root = tmp_path / "input"
    shutil.copytree(bundle, root / "datasets/me/bundle")
    (root / "bundle").symlink_to(root / "datasets/me/bundle")
    assert kernel.find_bundle(root)[0] == root / "bundle"
    other = root / "older"
    shutil.copytree(bundle, other)
    text = (other / "manifest.json").read_text()
    (other / "manifest.json").write_text(text.replace('"bytes": ', '"bytes": 1'))
    with pytest.raises(kernel.Unusable, match=r"expected one bundle .*, found .*bundle, .*older$"):
        kernel.find_bundle(root)


def test_nothing_mounted_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--input", str(tmp_path), "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    expected = f"error: {tmp_path}: expected one bundle (manifest.json, format 2), found none\n"
    assert done.stderr == expected
    with pytest.raises(kernel.Unusable) as error:
        kernel.find_competition(tmp_path, ["test.csv", "order.csv"])
    assert str(error.value) == (
        f"{tmp_path}: no folder with test.csv and order.csv: is the competition attached?"
    )


def test_other_bytes_than_the_manifest_s_are_refused(bundle: Path) -> None:
    _, manifest = kernel.find_bundle(bundle.parent)
    kernel.check(bundle, manifest)
    name = f"models/{MODEL}/fold1/model.safetensors"
    path, said = bundle / name, manifest["files"][name]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(kernel.Unusable) as error:
        kernel.check(bundle, manifest)
    assert str(error.value).startswith(f"{path}: expected sha256 {said['sha256']}, found ")
    path.write_bytes(content[:-1])
    with pytest.raises(kernel.Unusable) as error:
        kernel.check(bundle, manifest)
    assert str(error.value) == (
        f"{path}: expected {said['bytes']} bytes, found {said['bytes'] - 1}"
    )
    path.unlink()
    with pytest.raises(kernel.Unusable) as error:
        kernel.check(bundle, manifest)
    assert str(error.value) == f"{path}: not found, manifest.json names it"


def test_a_kernel_that_fails_is_told(bundle: Path, competition: Path, tmp_path: Path) -> None:
    (bundle / "ensemble.json").write_text("{}")
    scratch = tmp_path / "kaggle"
    scratch.mkdir()
    with pytest.raises(UserError, match=r"^the kernel failed with .*; its log stands above$"):
        rehearse(Path(sys.executable), bundle, competition, scratch)


def test_submissions_are_compared_row_by_row(tmp_path: Path) -> None:
    head = "discourse_id,Ineffective,Adequate,Effective\n"
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text(f"{head}a,0.2,0.3,0.5\nb,0.1,0.1,0.8\n")
    other.write_text(f"{head}a,0.2,0.3,0.5\nb,0.1,0.2,0.7\n")
    assert compare(one, other) == pytest.approx(0.1)
    other.write_text(f"{head}b,0.1,0.1,0.8\na,0.2,0.3,0.5\n")
    with pytest.raises(UserError, match=r"one.csv: expected the ids of .*other.csv in their order"):
        compare(one, other)
