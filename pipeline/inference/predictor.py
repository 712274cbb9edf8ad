"""The one object that predicts: weights and windows in, probabilities of elements out."""

import dataclasses
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import softmax

from pipeline import devices as machine
from pipeline import progress
from pipeline.encoders.attention.dispatch import default_attention
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build, slot_sums
from pipeline.encoders.weights.folders import load_fold
from pipeline.errors import UserError
from pipeline.inputs.packing import Batch, Plan, batches, plan
from pipeline.inputs.tokens import Tokens
from pipeline.params import Predict, Rows

# Batches dispatched before the host waits: it packs one while devices compute another.
_IN_FLIGHT = 2


class Predictor:
    """One model on the devices of a machine.

    Weights are an argument, so all folds of the model share one compilation.

    Attributes:
      model: the classifier.
      rows: the shape of a step.
      step: the function of (parameters, batch) to token-logit sums and counts per slot, in
        parallel.
    """

    def __init__(
        self, model: TokenClassifier, devices: Sequence[machine.Device], rows: Rows
    ) -> None:
        """Rows of a step are rounded up to a multiple of the devices."""
        self.model, self._devices = model, devices
        per_step = -(-rows.per_step // len(devices)) * len(devices)
        self.rows = dataclasses.replace(rows, per_step=per_step)

        def step(params: Any, batch: Batch) -> tuple[Array, Array]:
            ids, segment, position, slot, slots = (
                batch.ids[0], batch.segment[0], batch.position[0], batch.slot[0],
                batch.label.shape[-1],
            )  # fmt: skip
            logits = model.apply({"params": params}, ids, segment, position, None)
            return slot_sums(cast(Array, logits), slot, slots)

        self.step = machine.parallel(step, devices, replicated_out=False)

    @classmethod
    def of_folder(
        cls, folder: Path, encoder: str, settings: Predict, backend: machine.Backend
    ) -> "Predictor":
        """Build the model of a folder's config.json, with the fastest attention there is.

        Args:
          folder: holds config.json.
          encoder: a name in the registry.
          settings: rows, and the dtype of activations where the hardware computes it.
          backend: from `start_best`.

        Raises:
          UserError: the encoder does not serve this config.
        """
        dtype, kind = backend.dtype(settings.dtype), backend.devices[0].device_kind
        attention = default_attention(backend.platform, kind, dtype)
        model = build(folder, encoder, Settings(dtype=dtype, attention=attention))
        return cls(model, backend.devices, settings)

    def load(self, folder: Path, exact: bool = True) -> Any:
        """Read a fold's weights and replicate them; `exact` as of `load_fold`.

        Raises:
          UserError: the weights do not fit the model.
        """
        return machine.replicate(load_fold(folder, self.model, exact), self._devices)

    def steps(self, tokens: Tokens, windows: Int[np.ndarray, " n"]) -> int:
        """Count the steps in which `probabilities` would predict some windows.

        Raises:
          UserError: a window does not fit into a row.
        """
        return self._count(self._plan(tokens, windows))

    def _plan(self, tokens: Tokens, windows: Int[np.ndarray, " n"]) -> Plan:
        # Without a seed: chance has no part in predictions, so the windows' own order will do.
        return plan(tokens.lengths[windows], tokens.n_slots[windows], self.rows, seed=None)

    def _count(self, rows: Plan) -> int:
        return -(-len(rows) // self.rows.per_step)

    def probabilities(
        self,
        params: Any,
        tokens: Tokens,
        windows: Int[np.ndarray, " n"],
        description: str,
        finite: bool = True,
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict every element that has a token in `windows`; other rows are NaN.

        Token-logit sums and counts are added over windows before the softmax, in float64, so that
        an element cut in two is the mean over all of its tokens. Rows that fill up the last batch
        belong to no element.

        Args:
          params: replicated, as from `load`.
          tokens: the store.
          windows: numbers of its windows.
          description: for the progress bar.
          finite: whether a logit that is not finite is an error; else its element's row is NaN.

        Raises:
          UserError: a window does not fit into a row, or a logit is not finite.
        """
        order = self._plan(tokens, windows)
        n_steps = self._count(order)
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

        stream = batches(tokens, windows, order, self.rows, self.model.config.pad_token_id)
        for batch in progress.track(stream, n_steps, "batch", description):
            pending.append(
                (batch.element, self.step(params, machine.split(batch, len(self._devices))))
            )
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
