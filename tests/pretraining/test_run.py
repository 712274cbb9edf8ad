"""A pre-training from a few texts to a backbone: resumed bit by bit, and opened again."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline import devices, params, paths
from pipeline.backbones.make import make
from pipeline.competition.schema import TASK
from pipeline.errors import Stopped, UserError
from pipeline.files import sha256
from pipeline.graph import code_hash
from pipeline.inputs.tokenizer import open_tokenizer
from pipeline.pretraining.data import PretrainData
from pipeline.pretraining.job import PretrainJob
from pipeline.pretraining.run import pretrain
from pipeline.training.interruptions import Interruptions
from tests.configurations import section

SENTENCES = (
    "Schools should start later, because students who sleep well learn well.",
    "Some say that it is too dear; others that buses can not wait.",
    "In conclusion: sleep matters more than buses, cafes and clocks do.",
)


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PretrainJob:
    """A tiny backbone, twelve essays and one further text, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    # JAX has started already, with the devices of the tests.
    monkeypatch.setattr(devices, "start", lambda compute: jax.local_devices()[: compute.devices])
    texts = [f"{SENTENCES[i % 3]}\n\nParagraph {i}. {SENTENCES[(i + 1) % 3]}" for i in range(12)]
    clean = paths.clean("train")
    clean.mkdir(parents=True)
    ids = [f"essay{i}" for i in range(12)]
    pq.write_table(pa.table({"essay_id": ids, "text": texts}), clean / "essays.parquet")
    essays = Path("essays")
    essays.mkdir()
    for name, text in zip(ids, texts, strict=True):
        (essays / f"{name}.txt").write_text(text)
    further = Path("further/below")
    further.mkdir(parents=True)
    (further / "one.txt").write_text("Students\u00a0sleep.")
    (further / "same.txt").write_text(f" {texts[0]}\n")
    make(section(params.Backbone), "bert", essays, TASK, paths.backbone("tiny"))
    train = section(
        params.Train,
        epochs=3,
        rows=section(params.Rows, per_step=2, length=64, slots=64, pool=64),
    )
    options = params.Pretrain(
        base="tiny",
        essays="data/clean",
        texts="further",
        held_out=0.2,
        window=64,
        spans=params.Spans(share=0.3, shortest=1, longest=3),
        train=train,
    )
    return PretrainJob(
        key="mlm",
        encoder="bert",
        options=options,
        clean=section(params.Clean),
        compute=section(params.Compute, devices=1),
        session=section(params.Session),
    )


def made() -> list[str]:
    """Hashes of all that a run publishes, but for the clock's figures."""
    files = [*paths.pretrained("mlm").iterdir(), *paths.pretraining("mlm").iterdir()]
    return [f"{path.name} {sha256(path)}" for path in sorted(files)]


def test_texts_are_read_once_and_cleaned_alike(job: PretrainJob):
    data = PretrainData(job, TASK, 0)
    assert data.texts == 13
    store = data.schedule.tokens
    backend = open_tokenizer(paths.backbone("tiny"), TASK).backend
    last = store.window(len(store) - 1).ids.tolist()
    assert backend.decode(last) == "students sleep."


def test_windows_hold_whole_words_and_every_token(job: PretrainJob):
    short = dataclasses.replace(job, options=dataclasses.replace(job.options, window=16))
    tokenizer = open_tokenizer(paths.backbone("tiny"), TASK)
    store = PretrainData(short, TASK, 0).schedule.tokens
    assert store.lengths.max() <= 16
    text = pq.read_table("data/clean/train/essays.parquet")["text"].to_pylist()[0]
    expected = tokenizer.backend.encode(text.replace("\n\n", "[BR]"), add_special_tokens=False)
    own = [i for i, essay in enumerate(store.essay_ids) if essay == "0"]
    assert len(own) > 1
    inner = [store.window(i).ids[1:-1].tolist() for i in own]
    assert [token for ids in inner for token in ids] == expected.ids
    marker = tokenizer.backend.token_to_id("[BR]")
    for i in own:
        window = store.window(i)
        assert (window.slot[np.isin(window.ids, [marker, window.ids[0], window.ids[-1]])] < 0).all()
        # A continuing piece never begins a window.
        assert not tokenizer.backend.id_to_token(int(window.ids[1])).startswith("##")


def test_no_texts_are_told_in_one_line(job: PretrainJob):
    gone = dataclasses.replace(job, options=dataclasses.replace(job.options, texts="nowhere"))
    with pytest.raises(UserError, match=r"nowhere: no such folder"):
        _ = gone.files
    Path("data/clean/train/essays.parquet").unlink()
    with pytest.raises(UserError, match=r"data/clean: no essays.parquet; expected data/clean/tra"):
        _ = dataclasses.replace(job).files


@pytest.mark.slow
def test_a_resumed_run_ends_with_the_same_bits(job: PretrainJob, monkeypatch: pytest.MonkeyPatch):
    whole = pretrain(job, TASK)
    expected = made()
    for folder in (paths.PRETRAINED, Path("artifacts")):
        shutil.rmtree(folder)

    asked = iter([None] * 4 + ["asked to"])
    with monkeypatch.context() as stopping:
        stopping.setattr(Interruptions, "reason", lambda _: next(asked))
        with pytest.raises(Stopped, match=r"pretrain@mlm: asked to at step 5 of"):
            pretrain(job, TASK)
    assert not paths.PRETRAINED.exists()
    assert pretrain(job, TASK) == whole
    assert made() == expected
    timing = json.loads(paths.pretraining_time("mlm").read_text())
    assert timing["resumed_from"] == 5
    assert not list(paths.checkpoints().iterdir())

    # The result is a source like any other, and its head is not lost on the way.
    source = section(params.Backbone, source="data/pretrained/mlm", needs="data/pretrained/mlm")
    origin = make(source, "bert", Path("essays"), TASK, paths.backbone("again"))
    assert origin["source"] == "data/pretrained/mlm"
    weights = "model.safetensors"
    assert sha256(paths.backbone("again") / weights) != sha256(paths.backbone("tiny") / weights)
    assert (paths.backbone("again") / "masked_head.safetensors").stat().st_size > 10_000
    assert json.loads((paths.backbone("again") / "encoder.json").read_text())["sha256"] == (
        code_hash.of("networks/bert")
    )
