"""Masked language models against logits that torch made (see make_golden.py); needs no torch."""

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

from tests.parity.masked import GOLDEN, NAMES, logits, read

pytestmark = [pytest.mark.golden, pytest.mark.usefixtures("any_platform")]


@pytest.mark.parametrize("name", NAMES)
def test_logits_over_the_vocabulary(tmp_path: Path, name: str):
    folder = tmp_path / "checkpoint"
    shutil.copytree(GOLDEN / name, folder)
    kept = load_file(folder / "run.safetensors")
    with jax.default_matmul_precision("highest"):
        made = logits(folder, *read(folder), kept["ids"], kept["real"])
    real = kept["real"]
    np.testing.assert_allclose(made[real], kept["logits"][real], rtol=1e-5, atol=2e-5)
