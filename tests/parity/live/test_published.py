"""Published architectures against torch, live: full widths and vocabularies, two layers."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from pipeline.encoders.weights.tensors import FILE  # noqa: E402
from tests.backbones.published import CONFIGS, write  # noqa: E402
from tests.parity.compare import load, places  # noqa: E402
from tests.parity.models import GOLDEN  # noqa: E402
from tests.parity.torch_models import inputs, save  # noqa: E402
from tests.parity.torch_published import shapes, two_layers  # noqa: E402

LENGTHS = (160, 33)


@pytest.mark.parametrize("name", CONFIGS)
def test_two_layers_at_full_width(tmp_path: Path, name: str):
    theirs = two_layers(tmp_path, name, 3)
    save(theirs, tmp_path)
    ids, real, _ = inputs(theirs, LENGTHS, 3)
    with torch.no_grad():
        batch = {"input_ids": torch.tensor(ids).long(), "attention_mask": torch.tensor(real).long()}
        expected = theirs(**batch).logits.numpy()
    del theirs
    with jax.default_matmul_precision("highest"):
        ours, params = load(tmp_path)
        (tmp_path / FILE).unlink()  # up to a gigabyte, which pytest would keep
        segment, position = places(real)
        found = jax.jit(ours.apply)({"params": params}, ids, segment, position, None)
    assert np.abs(expected[real]).max() > 0.1
    difference = np.abs(np.asarray(found) - expected)[real].max()
    print(f"{name}: logits {difference:.1e}")
    assert difference < 2e-5


def test_shapes_are_those_of_the_script(tmp_path: Path):
    kept = json.loads((GOLDEN / "published.json").read_text())
    assert kept == {name: shapes(write(tmp_path / name, name)) for name in CONFIGS}
