"""All folds of a model at once, each on a device of its own: what `make folds` runs.

A fold has a thread, a device and a `pmap` over that device alone. Nothing is shared but the
process, so its bits are those of the fold trained alone on one device, whatever stands beside it,
in whichever order devices come free. One `pmap` over all devices with a fold in each lane would
compile once, but tie folds of unequal length to each other's steps.
"""

import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline import devices as machine
from pipeline import progress
from pipeline.errors import Stopped, UserError
from pipeline.training import needs
from pipeline.training.fold import FoldRun, folder_of, open_checkpoints, origin_of
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job
from pipeline.training.origin import Origin


def train_folds(jobs: Sequence[Job]) -> None:
    """Train folds to their last step, and leave each in its checkpoints for its own stage.

    The stage of a fold then finds nothing left to train. It predicts and publishes.

    Args:
      jobs: folds of one configuration.

    Raises:
      UserError: the platform, an input or a parameter is at fault, the disk has too little room, a
        loss is not finite, or a fold doesn't fit on one device. The other folds are saved.
      Stopped: asked to stop; every fold that has begun is saved.
    """
    interruptions = Interruptions(jobs[0].session)
    # Not in the threads: Python 3.11's parser, which the hashes of code need, is not safe in them.
    origins = [origin_of(job) for job in jobs]
    runs = zip(jobs, origins, strict=True)
    needs.check_room({folder_of(job, origin): job for job, origin in runs})
    devices = machine.start(jobs[0].compute)
    progress.say(_plan(len(jobs), len(devices), devices[0].device_kind))
    free: queue.SimpleQueue[machine.Device] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def train(job: Job, origin: Origin) -> None:
        if reason := interruptions.reason():
            raise Stopped(f"{job.name}: {reason} before its first step")
        device = free.get()
        try:
            _train(job, origin, device, interruptions)
        except Stopped:
            raise
        except Exception:
            interruptions.stop(f"{job.name} failed")
            raise
        finally:
            free.put(device)

    with progress.view(), ThreadPoolExecutor(len(devices)) as pool:
        endings = [pool.submit(train, *one) for one in zip(jobs, origins, strict=True)]
        faults = [ending.exception() for ending in endings]
    _tell([fault for fault in faults if fault is not None])


def _train(job: Job, origin: Origin, device: machine.Device, interruptions: Interruptions) -> None:
    with machine.alone(device):
        fold = FoldRun(job, [device])
        with open_checkpoints(job, origin) as checkpoints:
            state, history = fold.run(checkpoints, interruptions)
            total = fold.data.schedule.total
            if checkpoints.last != total:
                fold.loop.save(state, total, history, checkpoints)
        fold.loop.loggers.close()
    progress.say(f"{job.name}: trained; dvc repro predicts and publishes")


def _plan(folds: int, devices: int, kind: str) -> str:
    """Say in words how folds share the devices of a kind."""
    at_once = min(folds, devices)
    if at_once == 1:
        return f"{folds} fold(s) on 1 {kind} device: a device trains one fold at a time"
    rounds = -(-folds // devices)
    return f"{folds} folds, {at_once} at once, each on a {kind} device alone, {rounds} round(s)"


def _tell(faults: Sequence[BaseException]) -> None:
    """Raise the fault that ended the run, and say the others.

    A fault of one fold stops the others. So a stop is told only where there is nothing else, and a
    bug, whose traceback somebody needs, before a user's mistake.
    """
    order = sorted(faults, key=lambda f: (isinstance(f, Stopped), isinstance(f, UserError)))
    for fault in order[1:]:
        progress.say(str(fault) or repr(fault))
    if order:
        raise order[0]
