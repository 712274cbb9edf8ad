"""Element probabilities from packed windows: exact sums over windows, then one softmax."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import softmax

from pipeline import devices as machine
from pipeline import progress
from pipeline.encoders.head import TokenClassifier
from pipeline.encoders.pooling import slot_sums
from pipeline.errors import UserError
from pipeline.inputs.batches import Batch, batches
from pipeline.inputs.packing import plan
from pipeline.inputs.tokens import Tokens
from pipeline.params import Rows
from pipeline.platforms import rows_per_device

# Batches dispatched before the host waits: it packs one while devices compute another.
_IN_FLIGHT = 2

PredictStep = Callable[[Any, Batch], tuple[Array, Array]]


def predict_step(model: TokenClassifier, devices: Sequence[machine.Device]) -> PredictStep:
    """Make the function of (parameters, batch) to token-logit sums and counts per slot."""

    def step(params: Any, batch: Batch) -> tuple[Array, Array]:
        ids, segment, position, slot, slots = (
            batch.ids[0], batch.segment[0], batch.position[0], batch.slot[0], batch.label.shape[-1]
        )  # fmt: skip
        logits = model.apply({"params": params}, ids, segment, position, None)
        return slot_sums(cast(Array, logits), slot, slots)

    return machine.parallel(step, devices, replicated_out=False)


def predict(
    step: PredictStep,
    params: Any,
    tokens: Tokens,
    windows: Int[np.ndarray, " n"],
    rows: Rows,
    devices: Sequence[machine.Device],
    pad_id: int,
    description: str,
    finite: bool = True,
) -> Float[np.ndarray, "elements labels"]:
    """Predict every element that has a token in `windows`; other rows are NaN.

    Token-logit sums and counts are added over windows before the softmax, in float64, so that
    an element cut in two is the mean over all of its tokens. Rows that fill up the last batch
    belong to no element.

    Args:
      step: from `predict_step`.
      params: replicated on `devices`.
      tokens: the store.
      windows: which of its windows.
      rows: shape of a batch.
      devices: where `step` runs.
      pad_id: the tokenizer's padding token.
      description: for the progress bar.
      finite: whether a logit that is not finite is an error; else its element's row is NaN.

    Raises:
      UserError: the rows don't divide over the devices, or a logit is not finite.
    """
    rows_per_device(rows.per_step, len(devices), 1)
    # Without a seed: chance has no part in predictions, so the windows' own order will do.
    order = plan(tokens.lengths[windows], tokens.n_slots[windows], rows, seed=None)
    n_steps = -(-len(order) // rows.per_step)
    sums: np.ndarray | None = None
    counts = np.zeros(len(tokens.element_ids))
    pending: deque[tuple[Any, tuple[Array, Array]]] = deque()

    def collect() -> None:
        nonlocal sums
        element, outputs = pending.popleft()
        slot_sum, slot_count = (np.asarray(a).reshape(*element.shape, -1) for a in outputs)
        if sums is None:
            sums = np.zeros((len(counts), slot_sum.shape[-1]))
        used = element >= 0
        np.add.at(sums, element[used], slot_sum[used].astype(np.float64))
        np.add.at(counts, element[used], slot_count[used][:, 0])

    stream = batches(tokens, windows, order, rows, pad_id)
    for batch in progress.track(stream, n_steps, "batch", description):
        pending.append((batch.element, step(params, machine.split(batch, len(devices)))))
        if len(pending) > _IN_FLIGHT:
            collect()
    while pending:
        collect()
    if sums is None:
        raise UserError(f"{description}: no window to predict")
    logits = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1.0)[:, None], np.nan)
    if finite and not np.isfinite(logits[counts > 0]).all():
        raise UserError(f"{description}: a logit is not finite")
    logits[~np.isfinite(logits).all(axis=-1)] = np.nan
    return softmax(logits, axis=-1)
