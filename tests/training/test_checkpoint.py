"""Checkpoints restore the same bits, belong to one process and to one set of inputs."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.training import checkpoint
from pipeline.training.checkpoint import Checkpoints
from pipeline.training.origin import Origin
from tests.contract.project import ROOT


def arrays(shift: float) -> dict:
    tree = {
        "state": {"w": jnp.arange(6.0).reshape(2, 3) / 7 + shift, "step": jnp.asarray(3)},
        "best": {},
    }
    return machine.replicate(tree, jax.devices()[:2])


def test_the_last_of_two_saves_comes_back_bit_for_bit(tmp_path: Path) -> None:
    notes = {"history": {"points": [[1, 0.5, "train", 1.0]]}}
    with Checkpoints(tmp_path / "run") as first:
        assert first.restore(arrays(0.0)) is None
        for step in (3, 5):
            first.save(step, arrays(float(step)), notes)

    with Checkpoints(tmp_path / "run") as again:
        found = again.restore(arrays(0.0))
        assert found is not None
        assert (found.step, found.notes) == (5, notes)
        expected = np.asarray(arrays(5.0)["state"]["w"])
        np.testing.assert_array_equal(np.asarray(found.arrays["state"]["w"]), expected)
        assert found.arrays["state"]["w"].sharding.device_set == set(jax.devices()[:2])
        again.remove()
    assert not (tmp_path / "run").exists()


def test_what_is_published_stays_for_whoever_asked_to_remove_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHECKPOINT_NOTE", str(tmp_path / "note"))
    with Checkpoints(tmp_path / "run") as first:
        first.save(3, arrays(3.0), {})
        first.remove()
    assert (tmp_path / "note").read_text() == str(tmp_path / "run")
    with Checkpoints(tmp_path / "run") as again:
        assert again.last == 3, "a machine that dies before the push costs nothing"


HOLD = """
import sys, time
from pathlib import Path
from pipeline.training.checkpoint import Checkpoints
held = Checkpoints(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "_PATIENCE", 0.0)
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(UserError, match="another process is training this"):
            Checkpoints(tmp_path / "run")
        holder.kill()


def test_the_fingerprint_follows_settings_and_inputs(tmp_path: Path) -> None:
    def fingerprint(rate: float) -> str:
        return Origin.of("train@tiny-0", {"rate": rate}, [file], {}).fingerprint

    file = tmp_path / "input"
    file.write_text("one")
    first = fingerprint(1e-3)
    assert fingerprint(1e-3) == first
    assert fingerprint(1e-4) != first
    file.write_text("two")
    assert fingerprint(1e-3) != first


FULL = """
import resource, sys
from pathlib import Path
import jax
from pipeline import devices as machine
from pipeline.errors import Stopped, exit_with_message
from pipeline.training.checkpoint import Checkpoints
folder, last = Path(sys.argv[1]), sys.argv[2]
def arrays(seed):
    weights = jax.random.normal(jax.random.key(seed), (200, 200))
    return machine.replicate({"state": {"a": weights, "b": weights + 1}}, jax.devices()[:1])
def main():
    with Checkpoints(folder) as checkpoints:
        found = checkpoints.restore(arrays(0))
        if found is not None:
            assert (found.arrays["state"]["a"] == arrays(found.step)["state"]["a"]).all()
        print(found and found.step)
        if last == "look":
            return
        for step in (3, 5):
            checkpoints.save(step, arrays(step), {"step": step})
        checkpoints._manager.wait_until_finished()
        # No file may grow beyond 32 KiB any more, as a stand-in for a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (2**15, -1))
        checkpoints.save(8, arrays(8), {"step": 8})
        if last == "save":
            checkpoints.save(9, arrays(9), {"step": 9})
        elif last == "error":
            raise ZeroDivisionError
        elif last == "stop":
            raise Stopped("saved")
        elif last == "remove":
            checkpoints.remove()
        print("left")
exit_with_message(main)
"""


def full(folder: Path, last: str) -> tuple[int, str, str]:
    """Save three times, the third on a full disk, and end in a way."""
    command = [sys.executable, "-c", FULL, str(folder), last]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("last", ["save", "leave", "stop"])
def test_a_full_disk_is_one_line_and_the_last_whole_one_stays(tmp_path: Path, last: str) -> None:
    folder = tmp_path / "run"
    told = f"error: {folder}: file too large for its file system, or for `ulimit -f`\n"
    status, said, wrong = full(folder, last)
    assert (status, wrong) == (1, told)
    assert said == ("None\nleft\n" if last == "leave" else "None\n")
    assert sorted(path.name for path in (folder / "state").iterdir()) == ["3", "5"]
    assert full(folder, "look") == (0, "5\n", "")


def test_a_full_disk_hides_no_other_error(tmp_path: Path) -> None:
    status, _, wrong = full(tmp_path / "run", "error")
    assert status == 1
    assert wrong.count("Traceback") == 1
    assert wrong.endswith("\nZeroDivisionError\n")


def test_a_last_save_on_a_full_disk_costs_a_published_fold_nothing(tmp_path: Path) -> None:
    assert full(tmp_path / "run", "remove") == (0, "None\nleft\n", "")
    assert not (tmp_path / "run").exists()
