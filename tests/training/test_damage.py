"""A damaged checkpoint is said, set aside, and the run goes on from the one before."""

import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import devices as machine
from pipeline.training.checkpoint import Checkpoints, Restored

NOTES = {"history": {"points": [[1, 0.5, "train", 1.0]]}}


def arrays(step: int) -> dict:
    """Enough numbers that they stand in files of their own, not in Orbax's index."""
    weights = jax.random.normal(jax.random.key(step), (40, 20))
    tree = {"state": {"w": weights, "step": jnp.asarray(step)}, "best": {}}
    return machine.replicate(tree, jax.devices()[:2])


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three saves."""
    folder = tmp_path_factory.mktemp("saved") / "run"
    with Checkpoints(folder) as checkpoints:
        for step in (3, 5, 8):
            checkpoints.save(step, arrays(step), NOTES)
    return folder


@pytest.fixture
def run(saved: Path, tmp_path: Path) -> Path:
    """A copy of the three saves, to be damaged."""
    return Path(shutil.copytree(saved, tmp_path / "run"))


def restored(folder: Path) -> Restored | None:
    with Checkpoints(folder) as checkpoints:
        return checkpoints.restore(arrays(0))


def is_whole(found: Restored | None, step: int) -> bool:
    assert found is not None
    expected = np.asarray(arrays(step)["state"]["w"])
    np.testing.assert_array_equal(np.asarray(found.arrays["state"]["w"]), expected)
    return (found.step, int(found.arrays["state"]["step"]), found.notes) == (step, step, NOTES)


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped bit": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-2]),
    "empty": lambda path: path.write_bytes(b""),
    "zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "garbage": lambda path: path.write_bytes(b"\xff\x00{[" * 50),
    "missing": Path.unlink,
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_every_file_is_held_against_its_digest(
    saved: Path, tmp_path: Path, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    inner = (path for path in (saved / "state/8").glob("*/**/*") if path.is_file())
    names = [path.relative_to(saved) for path in (*inner, saved / "state/8/digests.json")]
    assert len(names) > 5
    for index, name in enumerate(names):
        folder = Path(shutil.copytree(saved, tmp_path / str(index)))
        DAMAGES[kind](folder / name)
        assert is_whole(restored(folder), 5), name
        said = capfd.readouterr()
        line = f"{folder}/state/8: damaged ("
        assert said.out.startswith(line), name
        assert said.out.endswith(f"; set aside as {folder}/damaged/8, going on without it\n"), name
        assert (said.out.count("\n"), said.err) == (1, "")
        assert (folder / "damaged/8").is_dir()


@pytest.mark.parametrize("kind", DAMAGES)
def test_damage_to_time_stamps_loses_nothing(run: Path, kind: str) -> None:
    """Orbax writes them once digests are noted, and reads them for nothing that is used here."""
    for name in ("_CHECKPOINT_METADATA", "commit_success.txt"):
        if (run / "state/8" / name).exists():
            DAMAGES[kind](run / "state/8" / name)
    assert is_whole(restored(run), 8)


@pytest.mark.parametrize("name", ["arrays", "notes", "arrays/d", "arrays/ocdbt.process_0"])
def test_a_missing_folder_is_damage(run: Path, name: str) -> None:
    shutil.rmtree(run / "state/8" / name)
    assert is_whole(restored(run), 5)


def test_a_checkpoint_under_another_step_is_damage(run: Path) -> None:
    (run / "state/8").rename(run / "state/9")
    assert is_whole(restored(run), 5)


def test_where_all_are_damaged_the_run_begins_anew(run: Path) -> None:
    for step in (5, 8):
        shutil.rmtree(run / f"state/{step}/arrays")
    assert restored(run) is None
    assert sorted(path.name for path in (run / "damaged").iterdir()) == ["5", "8"]


def test_the_run_saves_where_a_damaged_one_stood(run: Path) -> None:
    (run / "state/8/notes/metadata").unlink()
    with Checkpoints(run) as checkpoints:
        assert is_whole(checkpoints.restore(arrays(0)), 5)
        checkpoints.save(8, arrays(8), NOTES)
    assert is_whole(restored(run), 8)
    (run / "state/8/notes/metadata").unlink()
    assert is_whole(restored(run), 5)
    assert [path.name for path in (run / "damaged").iterdir()] == ["8"], "they don't pile up"


def test_a_save_that_was_cut_off_leaves_nothing(run: Path) -> None:
    """A killed save leaves a folder that Orbax has not renamed yet, as large as a checkpoint."""
    cut = shutil.copytree(run / "state/8", run / "state/9.orbax-checkpoint-tmp")
    assert is_whole(restored(run), 8)
    assert not Path(cut).exists()


def test_two_are_kept_and_another_number_of_devices_reads_them(run: Path) -> None:
    assert sorted(path.name for path in (run / "state").iterdir()) == ["5", "8"]
    with Checkpoints(run) as checkpoints:
        one = machine.replicate(jax.device_get(arrays(0)), jax.devices()[:1])
        assert is_whole(checkpoints.restore(one), 8)
