"""Checkpoints restore the same bits, belong to one process and to one set of inputs."""

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
        with pytest.raises(UserError, match="another process is training this fold"):
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
