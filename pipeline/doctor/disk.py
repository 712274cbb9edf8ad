"""Compare the free space on disks with what is still to be written."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline import paths, room
from pipeline.bases import bases, root
from pipeline.competition import schema
from pipeline.competition.kaggle_files import locate
from pipeline.configuration import Configuration
from pipeline.doctor import sizes
from pipeline.doctor.findings import Finding
from pipeline.params import Data, Model, Pretrain
from pipeline.training import needs
from pipeline.units import Unit

_TOKENS = 1.5  # bytes of token arrays for a byte of Kaggle's tables, as on the sample
_TOLD = 1e9  # bytes below which nobody needs to know


def examine(
    configuration: Configuration, trained: Mapping[str, Sequence[Unit]]
) -> Iterator[Finding]:
    """Compare free space with the weights, tokens and checkpoints that are still to be written.

    Folds train one after another, so the largest model's checkpoints count. A size that is only
    guessed from a name can't be a mistake.

    Args:
      configuration: the whole.
      trained: the units of each model.
    """
    source = Path(configuration.read("data", Data).source)
    tables = [locate(source) / name for name in schema.TABLES.values()]
    tokens = _TOKENS * sum(path.stat().st_size for path in tables if path.is_file())
    outputs = checkpoints = 0.0
    sure = True
    pretrained: dict[str, float] = {}
    models: dict[str, Model] = configuration.read("models", dict)
    pretraining: dict[str, Pretrain] = configuration.read("pretrain", dict)
    for name, model in models.items():
        # A backbone that pre-training makes is as large as that of its base.
        base = root(configuration, name)
        to_train = sum(not paths.weights(name, unit).exists() for unit in trained[name])
        backbone = models[base].backbone
        measured = sizes.measured(base, backbone)
        sure &= measured is not None
        size = measured or sizes.by_name(backbone.source) or 0.0
        for key in bases(configuration, name):
            if not paths.pretrained(key).exists():
                pretrained[key] = size
                checkpoints = max(checkpoints, needs.checkpoints(pretraining[key].train, size))
        outputs += 0.0 if paths.tokens(name, "train").exists() else tokens
        if to_train:
            outputs += (to_train + (not paths.backbone(name).exists())) * size
            checkpoints = max(checkpoints, needs.checkpoints(model.train, size))
    outputs += sum(pretrained.values())
    here, elsewhere = room.nearest_there(Path()), room.nearest_there(paths.checkpoints())
    if room.device(here) == room.device(elsewhere):
        yield from _hold(here, outputs + checkpoints, sure)
    else:
        yield from _hold(here, outputs, sure)
        yield from _hold(elsewhere, checkpoints, sure)


def _hold(place: Path, needed: float, sure: bool) -> Iterator[Finding]:
    free = room.free(place)
    line = f"{place}: the run needs about {room.size(needed)}, {room.size(free)} are free"
    if needed > free:
        advice = "; free some, or move checkpoints elsewhere with CHECKPOINT_ROOT"
        yield Finding(line + advice, error=sure)
    elif needed > _TOLD:
        yield Finding(line, error=False)
