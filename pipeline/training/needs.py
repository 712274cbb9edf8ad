"""The room on disk that a run needs, and the check that it is there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from pipeline import params, paths, room
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError

# Where the last one turns out to be damaged, the run goes on from the one before.
KEPT = 2
# The folder of checkpoints in a run's own.
STATE = "state"
# One more while it is written.
_AT_ONCE = KEPT + 1
# Parameters and the two moments of AdamW.
_PARTS = 3


@runtime_checkable
class Run(Protocol):
    """What is to be trained: its name, the model of its backbone, its options."""

    @property
    def name(self) -> str:
        """As DVC names the stage."""
        ...

    @property
    def model(self) -> str:
        """A key of `models`, whose backbone has as many weights."""
        ...

    @property
    def train(self) -> params.Train:
        """The options that decide what is saved."""
        ...


def checkpoints(train: params.Train, weights: float, kept: int = _AT_ONCE) -> float:
    """Return the most bytes that a run's checkpoints take.

    Args:
      train: options of the run.
      weights: bytes of its parameters.
      kept: how many there are of it; as many as there are at any moment if not told.
    """
    return kept * (_PARTS + (train.select == "best")) * weights


def check_room(runs: Mapping[Path, Run]) -> None:
    """Hold the free room against what runs that train at once have still to write.

    Args:
      runs: by the folders of their checkpoints. What an interrupted one left there is room that it
        has already. A run's weights take as many bytes as its backbone's.

    Raises:
      UserError: a disk has too little.
    """
    name, folder = " and ".join(job.name for job in runs.values()), next(iter(runs))
    weights = saved = 0.0
    for path, job in runs.items():
        own = float((paths.backbone(job.model) / FILE).stat().st_size)
        weights += own
        saved += max(checkpoints(job.train, own) - _size(path / STATE), 0.0)
    root, elsewhere = room.nearest_there(Path()), room.nearest_there(folder)
    if room.device(root) == room.device(elsewhere):
        told = f" ({room.size(weights)} for weights, {room.size(saved)} for checkpoints)"
        _hold(name, root, weights + saved, told, movable=True)
    else:
        _hold(name, root, weights, " for weights", movable=False)
        _hold(name, elsewhere, saved, " for checkpoints", movable=True)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _hold(name: str, place: Path, needed: float, told: str, movable: bool) -> None:
    free = room.free(place)
    if needed > free:
        advice = ", or put checkpoints elsewhere by CHECKPOINT_ROOT" if movable else ""
        raise UserError(
            f"{place}: its disk has {room.size(free)} free, {name} needs about "
            f"{room.size(needed)}{told}; make room{advice}"
        )
