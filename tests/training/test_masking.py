"""Words are masked and nothing else, by the row's number in the plan and the step."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest

import tests.training.tiny as tiny
from pipeline import devices as machine
from pipeline.errors import UserError
from pipeline.inputs.packing import Batch
from pipeline.training.masking import Masking, read_masking
from pipeline.training.step import Step, TrainState, train_step

MASKING = Masking(share=0.3, token=4, kept=(2, 3, 4))
KEY = jax.random.key(7)


def wide(rows: int = 16) -> Batch:
    batch = tiny.batch(rows)
    return batch._replace(ids=np.tile(batch.ids, 4), segment=np.tile(batch.segment, 4))


def test_special_tokens_and_padding_stay() -> None:
    batch = wide()
    found = np.asarray(MASKING.mask(batch, KEY))
    words = (batch.segment > 0) & ~np.isin(batch.ids, (2, 3, 4))
    np.testing.assert_array_equal(found[~words], batch.ids[~words])
    masked = found[words] != batch.ids[words]
    assert set(found[words][masked]) == {4}
    # Some 900 words: three standard deviations are 0.046.
    assert masked.mean() == pytest.approx(0.3, abs=0.05)


def test_a_row_is_masked_alike_wherever_it_lies() -> None:
    batch = wide()
    whole = np.asarray(MASKING.mask(batch, KEY))
    order = np.arange(16)[::-1]
    turned = jax.tree.map(lambda a: a[order], batch)
    np.testing.assert_array_equal(MASKING.mask(turned, KEY), whole[order])
    half = jax.tree.map(lambda a: a[8:], batch)
    np.testing.assert_array_equal(MASKING.mask(half, KEY), whole[8:])


def test_another_step_masks_other_words() -> None:
    batch = wide()
    other = MASKING.mask(batch, jax.random.key(8))
    assert (np.asarray(other) != np.asarray(MASKING.mask(batch, KEY))).any()


def _step(folder: Path, masking: Masking | None) -> tuple[TrainState, Step]:
    model, options = tiny.model(folder), tiny.options()
    optimizer = tiny.optimizer(model, options)
    state = TrainState.create(tiny.parameters(model), optimizer, 8, 5)
    step = train_step(model, optimizer, options, masking)
    some = jax.devices()[:1]
    return machine.replicate(state, some), machine.parallel(step, some, replicated_out=True)


@pytest.mark.slow
def test_the_step_reads_the_masked_words(tmp_path: Path) -> None:
    """With every word masked it is the plain step on a batch that someone masked before."""
    batch = tiny.batch(8)
    state, masked = _step(tmp_path, Masking(share=1.0, token=4, kept=(2, 3)))
    _, plain = _step(tmp_path, None)
    words = (batch.segment > 0) & ~np.isin(batch.ids, (2, 3))
    before = batch._replace(ids=np.where(words, 4, batch.ids).astype(np.int32))
    found = float(masked(state, machine.split(batch, 1))[1].loss)
    assert found == pytest.approx(float(plain(state, machine.split(before, 1))[1].loss), rel=1e-6)
    assert found != pytest.approx(float(plain(state, machine.split(batch, 1))[1].loss), rel=1e-3)


def write_tokenizer(folder: Path, mask: str | None) -> None:
    """As far as masking reads a backbone's two files."""
    added = [("<pad>", 1, True), ("<mask>", 9, True), ("[BR]", 11, True), ("plain", 12, False)]
    tokens = [{"content": text, "id": i, "special": special} for text, i, special in added]
    (folder / "tokenizer.json").write_text(json.dumps({"added_tokens": tokens}))
    roles = {} if mask is None else {"mask_token": mask}
    (folder / "tokenizer_config.json").write_text(json.dumps(roles))


def test_the_token_is_found_by_its_role(tmp_path: Path) -> None:
    write_tokenizer(tmp_path, "<mask>")
    assert read_masking(tmp_path, 0.1) == Masking(0.1, 9, (1, 9, 11))


@pytest.mark.parametrize("mask", [None, "[MASK]"])
def test_a_tokenizer_without_one(tmp_path: Path, mask: str | None) -> None:
    write_tokenizer(tmp_path, mask)
    with pytest.raises(UserError, match=r"tokenizer_config\.json: no mask_token, which train\.m"):
        read_masking(tmp_path, 0.1)


def test_without_a_share_nothing_is_read(tmp_path: Path) -> None:
    assert read_masking(tmp_path, 0.0) is None
