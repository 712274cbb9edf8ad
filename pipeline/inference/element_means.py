"""One network on a machine's devices: windows in, the means of elements' tokens out."""

import dataclasses
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import jax
import numpy as np
from jaxtyping import Array, Float, Int

from pipeline import devices as machine
from pipeline import progress
from pipeline.encoders.attention.dispatch import default_attention
from pipeline.encoders.config import Settings
from pipeline.encoders.head import TokenClassifier, build, slot_sums
from pipeline.errors import UserError
from pipeline.inference.element_sums import ElementSums
from pipeline.inputs.packing import Batch, Plan, batches, plan
from pipeline.inputs.tokens import Tokens
from pipeline.params import Predict, Rows

# Batches dispatched before the host waits: it packs one while devices compute another.
_IN_FLIGHT = 2

Kind = TypeVar("Kind", bound="ElementMeans")


class _TooLargeError(Exception):
    """An output that is not finite, where another dtype of activations may do."""


class Means(NamedTuple):
    """The mean of each element's tokens, and their number; NaN and 0 where it has none."""

    values: Float[np.ndarray, "elements width"]
    tokens: Float[np.ndarray, " elements"]


class ElementMeans(ABC):
    """One model on the devices of a machine; a subclass says which outputs of its tokens count.

    Weights are an argument, so all folds of the model share one compilation. What a machine turns
    out not to do, it does not try again: a step that did not fit into memory has fewer rows from
    then on, and a model whose activations are too large for float16 stays in float32.

    Attributes:
      OUTPUT: a number of the outputs, in messages.
      model: the classifier.
      rows: the shape of a step.
      step: the function of (parameters, batch) to sums over tokens and counts per slot, in
        parallel.
    """

    OUTPUT: ClassVar[str]

    def __init__(
        self,
        model: TokenClassifier,
        devices: Sequence[machine.Device],
        rows: Rows,
        wider: TokenClassifier | None = None,
    ) -> None:
        """Build the step; its rows are rounded up to a multiple of the devices.

        Args:
          model: the classifier.
          devices: to run it on.
          rows: the shape of a step.
          wider: the same in float32, which takes over where an output of `model` is not finite.
        """
        self._devices, self._wider = devices, wider
        per_step = -(-rows.per_step // len(devices)) * len(devices)
        self.rows = dataclasses.replace(rows, per_step=per_step)
        self._take(model)

    @property
    @abstractmethod
    def width(self) -> int:
        """The outputs of a token."""

    @abstractmethod
    def outputs(
        self,
        params: Any,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
    ) -> Float[Array, "rows tokens width"]:
        """Compute every token's outputs by the model, in float32, without dropout."""

    def _take(self, model: TokenClassifier) -> None:
        """Compute with `model` from here on."""

        def step(params: Any, batch: Batch) -> tuple[Array, Array]:
            ids, segment, position, slot, slots = (
                batch.ids[0], batch.segment[0], batch.position[0], batch.slot[0],
                batch.label.shape[-1],
            )  # fmt: skip
            return slot_sums(self.outputs(params, ids, segment, position), slot, slots)

        self.model = model
        self.step = machine.parallel(step, self._devices, replicated_out=False)

    @classmethod
    def of_folder(
        cls: type[Kind],
        folder: Path,
        encoder: str,
        settings: Predict,
        backend: machine.Backend,
    ) -> Kind:
        """Build the model of a folder's config.json, with the fastest attention there is.

        Args:
          folder: holds config.json.
          encoder: a name in the registry.
          settings: rows, and the dtype of activations that is asked for.
          backend: from `start_best`; it says which dtype the hardware computes instead.

        Raises:
          UserError: the encoder does not serve this config.
        """

        def of(dtype: str) -> TokenClassifier:
            kind = backend.devices[0].device_kind
            attention = default_attention(backend.platform, kind, dtype)
            return build(folder, encoder, Settings(dtype=dtype, attention=attention))

        dtype = backend.dtype(settings.dtype)
        # bfloat16 has the range of float32.
        wider = of("float32") if dtype == "float16" else None
        return cls(of(dtype), backend.devices, settings, wider)

    @property
    def dtype(self) -> str:
        """The dtype of activations that is computed in at present."""
        return cast(Any, self.model.encoder).settings.dtype

    def replicate(self, weights: Any, folder: Path) -> Any:
        """Put weights that were read from a folder on every device.

        Raises:
          UserError: a device's memory does not hold them.
        """
        try:
            return jax.block_until_ready(machine.replicate(weights, self._devices))
        except machine.FAILURES as error:
            reason = machine.short_of_memory(error)
            if reason is None:
                raise
            raise UserError(
                f"{folder}: out of memory with the weights alone, expected a device with more "
                f"memory; {reason}"
            ) from None

    def steps(self, tokens: Tokens, windows: Int[np.ndarray, " n"]) -> int:
        """Count the steps that some windows take.

        Raises:
          UserError: a window does not fit into a row.
        """
        return self._count(self._plan(tokens, windows))

    def _plan(self, tokens: Tokens, windows: Int[np.ndarray, " n"]) -> Plan:
        # Without a seed: chance has no part in predictions, so the windows' own order will do.
        return plan(tokens.lengths[windows], tokens.n_slots[windows], self.rows, seed=None)

    def _count(self, rows: Plan) -> int:
        return -(-len(rows) // self.rows.per_step)

    def means(
        self,
        params: Any,
        tokens: Tokens,
        windows: Int[np.ndarray, " n"],
        description: str,
        finite: bool = True,
    ) -> Means:
        """Average the outputs of each element's tokens; NaN where it has none in `windows`.

        Sums and counts are added over windows in float64, so that an element cut in two is the mean
        over all of its tokens. Rows that fill up the last batch belong to no element.

        Args:
          params: replicated.
          tokens: the store.
          windows: numbers of its windows.
          description: for the progress bar.
          finite: whether an output that is not finite is an error; else its element's row is NaN.

        Raises:
          UserError: a window does not fit into a row, a row not into memory, or an output is not
            finite.
        """
        order = self._plan(tokens, windows)
        if not order:
            raise UserError(f"{description}: no window to predict")
        sums = ElementSums(len(tokens.element_ids), self.width)
        # The rows don't depend on the steps that they are taken in, so what is in stays in.
        while sums.rows < len(order):
            try:
                self._add(sums, params, tokens, windows, order[sums.rows :], description)
            except _TooLargeError:
                self._widen(description)
            except machine.FAILURES as error:
                reason = machine.short_of_memory(error)
                if reason is None:
                    raise
                self._take_fewer_rows(reason, description)
        means = sums.means()
        if finite and not np.isfinite(means[sums.counts > 0]).all():
            raise UserError(f"{description}: a {self.OUTPUT} is not finite")
        means[~np.isfinite(means).all(axis=-1)] = np.nan
        return Means(means, sums.counts)

    def _add(
        self,
        sums: ElementSums,
        params: Any,
        tokens: Tokens,
        windows: Int[np.ndarray, " n"],
        order: Plan,
        description: str,
    ) -> None:
        """Add the rows of `order` to `sums`, step by step.

        Raises:
          _TooLargeError: an output is not finite, and there is a wider model.
        """
        pending: deque[tuple[np.ndarray, tuple[Array, Array]]] = deque()

        def collect() -> None:
            element, outputs = pending.popleft()
            # An error of a device comes while it is waited for; to read from an output that has
            # failed would end the process on a CPU.
            jax.block_until_ready(outputs)
            own, counts = (np.asarray(a).reshape(*element.shape, -1) for a in outputs)
            if self._wider is not None and not np.isfinite(own[element >= 0]).all():
                raise _TooLargeError
            sums.add(element, own, counts[..., 0])

        n_steps = self._count(order)
        stream = batches(tokens, windows, order, self.rows, self.model.config.pad_token_id)
        for batch in progress.track(stream, n_steps, "batch", description):
            share = machine.split(batch, len(self._devices))
            pending.append((np.asarray(batch.element), self.step(params, share)))
            if len(pending) > _IN_FLIGHT:
                collect()
        while pending:
            collect()

    def _widen(self, description: str) -> None:
        """Take the wider model."""
        told = f"a {self.OUTPUT} is not finite in {self.dtype}, float32 from here on"
        progress.say(f"{description}: {told}")
        self._take(cast(TokenClassifier, self._wider))
        self._wider = None

    def _take_fewer_rows(self, reason: str, description: str) -> None:
        """Halve the rows of a step.

        Raises:
          UserError: a device has one row already.
        """
        devices, before = len(self._devices), self.rows.per_step
        if before == devices:
            raise UserError(
                f"{description}: out of memory with one row of {self.rows.length} tokens a device, "
                f"expected a device with more memory or shorter rows (length); {reason}"
            ) from None
        after = before // devices // 2 * devices
        self.rows = dataclasses.replace(self.rows, per_step=after)
        progress.say(
            f"{description}: out of memory with {before} rows a step, {after} from here on; "
            f"{reason}"
        )
