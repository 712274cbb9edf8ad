"""Members of a frozen encoder's embeddings: in the bundle, and from it as in the graph."""

import json
import time
from pathlib import Path

import numpy as np
import pytest

from commands import bundle as command
from pipeline import paths
from pipeline.bundle import contents
from pipeline.bundle.infer import infer
from pipeline.bundle.rehearsal import read_submission
from pipeline.bundle.time_limit import Clock
from stages import embed, ensemble
from tests.bundle.graph import MODEL, edit_configuration, write_lock
from tests.members.test_embeddings import RIDGE, TREES

NAMES = ("by_ridge", "by_trees")


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_it_ends_in_the_graph_s_own_submission(graph: Path, competition: Path, dtype: str) -> None:
    before = read_submission(Path("submission.csv"))
    options = ({"model": MODEL, "ridge": RIDGE}, {"model": MODEL, "boosting": TREES})
    edit_configuration(embeddings=dict(zip(NAMES, options, strict=True)))
    for name in NAMES:
        embed.main(["--embedding", name])
    ensemble.main([])
    tables = [paths.oof(name) for name in NAMES]
    write_lock([paths.backbone(MODEL), *map(paths.embeddings, NAMES), *tables])
    command.main(["--dtype", dtype])
    bundle, output = paths.bundle(), Path("output")
    frozen = contents.frozen(bundle, MODEL) / "model.safetensors"
    assert frozen.read_bytes() == (paths.backbone(MODEL) / "model.safetensors").read_bytes()
    output.mkdir()
    infer(bundle, competition, output, Clock(time.time(), 1e6))
    found, expected = (read_submission(path / "submission.csv") for path in (output, Path()))
    assert list(found) == list(expected)
    tolerance = 1e-6 if dtype == "float32" else 5e-3
    np.testing.assert_allclose(list(found.values()), list(expected.values()), atol=tolerance)
    assert max(np.abs(before[i] - expected[i]).max() for i in found) > 1e-3
    told = json.loads((output / "inference.json").read_text())
    assert told["folds"] == {MODEL: 4, **dict.fromkeys(NAMES, 1)}
