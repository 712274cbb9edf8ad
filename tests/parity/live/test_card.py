"""The code of a fold's model card: torch predicts what this project does for the same essay."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("torch")

from pipeline.backbones.make import make
from pipeline.competition.address import COMPETITION
from pipeline.competition.schema import TASK
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_backbone, save_fold
from pipeline.files import read_json
from pipeline.inputs import markup
from pipeline.inputs.tokenizer import open_tokenizer
from pipeline.params import Backbone
from pipeline.training.card import card
from pipeline.units import Unit
from tests.backbones.test_make import write_essays
from tests.configurations import section
from tests.training.test_card import FIGURES, job

ESSAY = "Seagulls are loud. They should live by the sea."
KINDS = ("Lead", "Position")
SPANS = ((0, 18), (19, 47))


def ours(folder: Path) -> np.ndarray:
    """The probabilities of the essay's two elements, by the project's own mark-up and encoder."""
    tokenizer = open_tokenizer(folder, TASK)
    elements = [
        markup.Element(TASK.markers[kind], ESSAY[start:end], start, end)
        for kind, (start, end) in zip(KINDS, SPANS, strict=True)
    ]
    marked = markup.mark_up(ESSAY, elements, tokenizer.reserved)
    (encoded,) = tokenizer.encode([marked.text])
    owner = markup.own(
        encoded.offsets,
        np.isin(encoded.ids, tokenizer.type_ids),
        np.isin(encoded.ids, tokenizer.marker_ids),
        marked.spans,
    ).owner
    before, after = tokenizer.special
    ids = jnp.array([[*before, *encoded.ids.tolist(), *after]])
    owner = np.array([*[-1] * len(before), *owner.tolist(), *[-1] * len(after)])
    model = build(folder, "bert", Settings())
    params = load_backbone(folder, model, seed=1)
    position = jnp.arange(ids.shape[1])[None]
    logits = model.apply({"params": params}, ids, jnp.ones_like(ids), position, None)[0]
    means = np.stack([np.asarray(logits)[owner == n].mean(axis=0) for n in range(2)])
    return np.asarray(jax.nn.softmax(means, axis=-1))


def test_torch_predicts_what_we_do(tmp_path: Path):
    backbone = tmp_path / "backbone"
    source = section(Backbone, source="builtin:tiny", revision=None, sha256=None, seed=1)
    make(source, "bert", write_essays(tmp_path / "essays"), TASK, backbone)
    model = build(backbone, "bert", Settings())
    params = load_backbone(backbone, model, seed=1)
    text = card(job(Unit(0)), TASK, COMPETITION, read_json(backbone / "origin.json"), FIGURES)
    save_fold(tmp_path / "fold0", params, model, backbone, {"fold": 0}, text)
    (code,) = re.findall(
        r"```python\n(.*?)```", (tmp_path / "fold0/README.md").read_text(encoding="utf-8"), re.S
    )
    assert f"[LEAD] {ESSAY[:18]} [POSITION] {ESSAY[19:]}" in code
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path / "fold0",
        env=os.environ | {"HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    theirs = np.array([json.loads(line) for line in done.stdout.splitlines()])
    np.testing.assert_allclose(theirs, ours(backbone), atol=1e-5)
