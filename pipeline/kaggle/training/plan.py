"""The folds that go to Kaggle, shared among kernels; what can't go is told before any is sent."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline import paths, room
from pipeline.configuration import Configuration
from pipeline.configured_units import trained_units
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.kaggle.accelerators import Accelerator
from pipeline.params import Compute
from pipeline.platforms import rows_per_device
from pipeline.training.job import Job, job_of
from pipeline.training.needs import checkpoints

_OUTPUT = 20e9  # bytes that Kaggle keeps of a kernel's output


@dataclass(frozen=True)
class Share:
    """The share of one kernel.

    Attributes:
      jobs: its folds.
      at_once: whether each is trained on a device of its own, at once with the others.
    """

    jobs: Sequence[Job]
    at_once: bool


def jobs_of(configuration: Configuration, model: str, folds: Sequence[str]) -> list[Job]:
    """Return what is trained of a model in some folds, under every seed.

    Args:
      configuration: of the project.
      model: a key of models.
      folds: numbers, or `full`; none: all.

    Raises:
      UserError: one isn't trained by this configuration.
    """
    units = trained_units(configuration, model)
    known = list(dict.fromkeys("full" if unit.full else f"{unit.fold}" for unit in units))
    for fold in folds:
        if fold not in known:
            raise UserError(f"FOLDS: {fold}: expected of {' '.join(known)}, as params.yaml has it")
    return [
        job_of(configuration, model, unit)
        for unit in units
        if not folds or ("full" if unit.full else f"{unit.fold}") in folds
    ]


def check_machine(compute: Compute, accelerator: Accelerator) -> None:
    """Hold the configuration to the machine asked for.

    Raises:
      UserError: it computes on another platform, in a dtype that the machine hasn't, or on more
        devices than it has.
    """
    if compute.platform != accelerator.name:
        raise UserError(
            f"params.yaml: compute.platform: {compute.platform}, but ACCELERATOR asks for "
            f"{accelerator.name}; nothing was sent: a fold counts for the platform that it was "
            f"trained on; set compute.platform: {accelerator.name}"
        )
    if compute.dtype not in accelerator.dtypes:
        raise UserError(
            f"params.yaml: compute.dtype: {compute.dtype}, which Kaggle's {accelerator.name} does "
            f"not compute; expected {' or '.join(accelerator.dtypes)}; nothing was sent"
        )
    if accelerator.shape and compute.devices != "auto" and compute.devices > accelerator.devices:
        raise UserError(
            f"params.yaml: compute.devices: {compute.devices}, but Kaggle's {accelerator.name} has "
            f"{accelerator.devices}; nothing was sent"
        )


def devices_used(compute: Compute, accelerator: Accelerator) -> int:
    """Return the number of devices that training takes there."""
    return accelerator.devices if compute.devices == "auto" else compute.devices


def shares(
    jobs: Sequence[Job], accelerator: Accelerator, kernels: int | None, *, one_by_one: bool
) -> list[Share]:
    """Divide folds among kernels.

    Args:
      jobs: folds of one model.
      accelerator: of each kernel.
      kernels: how many; None: as many as it takes to train all at once, as far as Kaggle's
        sessions go.
      one_by_one: train each over all devices, and none beside another.

    Raises:
      UserError: the rows of a step don't divide, or a kernel would leave more than Kaggle keeps.
    """
    devices = devices_used(jobs[0].compute, accelerator)
    together = 1 if one_by_one else devices
    wanted = kernels or min(accelerator.sessions, -(-len(jobs) // together))
    parts = [jobs[number::wanted] for number in range(min(wanted, len(jobs)))]
    found = [Share(part, together > 1 and len(part) > 1) for part in parts]
    for share in found:
        train = jobs[0].train
        rows_per_device(train.rows.per_step, 1 if share.at_once else devices, train.accumulation)
        _check_output(share)
    return found


def _check_output(share: Share) -> None:
    """Hold the most that a kernel leaves, weights and last checkpoints, to what Kaggle keeps."""
    job = share.jobs[0]
    weights = float((paths.backbone(job.model) / FILE).stat().st_size)
    most = len(share.jobs) * (weights + checkpoints(job.train, weights, kept=1))
    if most > _OUTPUT:
        raise UserError(
            f"FOLDS: {len(share.jobs)} trainings of {job.model} in one kernel may leave "
            f"{room.size(most)}, Kaggle keeps {room.size(_OUTPUT)}; name fewer FOLDS, or raise "
            "KERNELS"
        )
