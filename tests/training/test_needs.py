"""The disk has to hold a fold before its training begins."""

import shutil
from pathlib import Path

import pytest

from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.training import fold
from pipeline.training.job import job_of
from tests.configurations import SMALL, write


@pytest.mark.xfail(strict=True, reason="the disk is looked at by the doctor alone")
def test_a_disk_that_is_too_small_ends_a_fold_before_jax_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    write(SMALL)
    for name in ("data/folds.parquet", "data/tokens/small/train/x", "data/clean/train/elements"
                 ".parquet", "data/backbones/small/model.safetensors"):  # fmt: skip
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes(1000))
    usage = shutil.disk_usage(tmp_path)._replace(free=5000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(fold.machine, "start", lambda compute: pytest.fail("JAX starts"))
    with pytest.raises(UserError, match="its disk has 0.0 MB free, train@small-0 needs about"):
        fold.train_fold(job_of(load_configuration(), "small", 0))
