"""One compiled step as a row of figures."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench import flops
from pipeline.encoders.attention.dispatch import serving
from pipeline.encoders.config import Settings
from pipeline.params import Compute, Rows, Train
from pipeline.training.encoder_settings import encoder_settings
from tpu_check import steps
from tpu_check.chips import MACHINES, devices
from tpu_check.rules import violations
from tpu_check.steps import Compiled, DoesNotFitError
from tpu_check.timing import Timing, timing


@dataclass(frozen=True)
class Case:
    """What is compiled: an encoder's step on a machine, by the parameters of a configuration."""

    title: str
    encoder: str
    fields: Mapping[str, Any]
    machine: str
    train: Train
    rows: Rows  # of the step at hand: a configuration has others for prediction
    compute: Compute
    trains: bool = True
    alone: bool = False  # on one of the machine's cores, as a fold among others

    @property
    def cores(self) -> int:
        """How many cores share a step."""
        return 1 if self.alone else MACHINES[self.machine].cores

    @property
    def rows_per_core(self) -> int:
        """Rows that a core holds at once."""
        accumulation = self.train.accumulation if self.trains else 1
        return self.rows.per_step // (self.cores * accumulation)

    def resized(self, rows_per_core: int) -> "Case":
        """The same with another number of rows."""
        per_step = self.rows.per_step // self.rows_per_core * rows_per_core
        return dataclasses.replace(self, rows=dataclasses.replace(self.rows, per_step=per_step))


@dataclass(frozen=True)
class Row:
    """What came out; without `compiled` it does not fit, as `reason` says.

    Attributes:
      attention: the implementation.
      model_flops: by formula, of a core.
      share: of the core's peak that the model's FLOPs are, at the compiler's estimate.
      most: rows a core that fit, where that was searched.
    """

    case: Case
    attention: str
    model_flops: float
    compiled: Compiled | None = None
    timing: Timing | None = None
    share: float = 0.0
    violations: tuple[str, ...] = ()
    reason: str = ""
    most: int | None = None

    @property
    def fits(self) -> bool:
        """Whether a core holds it: the compiler takes some steps for v3 that are too large."""
        memory = MACHINES[self.case.machine].core.memory
        return self.compiled is not None and self.compiled.memory <= memory


def lightest(case: Case) -> Row:
    """Measure a case; where it does not fit, with everything computed again."""
    row = measure(case)
    if row.fits or not case.trains or case.train.remat == "full":
        return row
    return measure(dataclasses.replace(case, train=dataclasses.replace(case.train, remat="full")))


def measure(case: Case) -> Row:
    """Compile a case and take its figures."""
    core = MACHINES[case.machine].core
    settings = _settings(case)
    count = flops.training if case.trains else flops.forward
    # Whole rows, as is usual, though segments see less.
    windows = np.full(case.rows.per_step, case.rows.length)
    model_flops = count(case.fields, windows) / case.cores
    drops = case.trains and settings.attention_dropout != 0.0
    relative = "deberta" in case.encoder
    served = serving(settings.attention, drops=drops, relative=relative)
    row = Row(case, served, model_flops)
    try:
        compiled = _compile(case)
    except DoesNotFitError as error:
        return dataclasses.replace(row, reason=str(error))
    modelled = timing(compiled.module, core, case.cores)
    return dataclasses.replace(
        row,
        compiled=compiled,
        timing=modelled,
        share=model_flops / (modelled.compiler * core.peak),
        violations=tuple(violations(compiled.module)),
    )


def _settings(case: Case) -> Settings:
    """As the trainer itself takes them on such a core."""
    return encoder_settings(case.compute, case.train, MACHINES[case.machine].core.kind)


def _compile(case: Case) -> Compiled:
    settings = _settings(case)
    model = steps.classifier(case.encoder, case.fields, settings)
    cores = devices(MACHINES[case.machine])[: case.cores]
    if case.trains:
        return steps.train(model, dataclasses.replace(case.train, rows=case.rows), cores)
    return steps.predict(model, case.rows, cores)


def most_rows(row: Row) -> int:
    """The most rows a core that compile, to within an eighth; 0 where none does.

    What the state takes is fixed and the rest grows with the rows, which gives the first guess;
    after that, halving. Only what compiled counts, and is no larger than the core's memory.
    """
    memory = MACHINES[row.case.machine].core.memory
    fits, fails, rows = 0, 0, row.case.rows_per_core
    while True:
        same = rows == row.case.rows_per_core
        tried = row if same else measure(row.case.resized(rows))
        if tried.fits:
            fits = rows
        else:
            fails = rows
        if fails and fails - fits <= max(1, fits // 8):
            return fits
        if fails or tried.compiled is None:
            rows = (fits + fails) // 2
        else:
            fixed = tried.compiled.arguments
            rows = max(rows + 1, int((memory - fixed) / (tried.compiled.memory - fixed) * rows))
