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
from pipeline.training.fold import FoldRun, open_checkpoints, origin_of
from pipeline.training.interruptions import Interruptions
from pipeline.training.job import Job
from pipeline.training.origin import Origin


def train_folds(jobs: Sequence[Job]) -> None:
    """Train folds to their last step, and leave each in its checkpoints for its own stage.

    The stage of a fold then finds nothing left to train. It predicts and publishes.

    Args:
      jobs: folds of one configuration.

    Raises:
      UserError: the platform, an input or a parameter is at fault, a loss is not finite, or a fold
        doesn't fit on one device. The other folds are saved.
      Stopped: asked to stop; every fold that has begun is saved.
    """
    interruptions = Interruptions(jobs[0].session)
    devices = machine.start(jobs[0].compute)
    _say_rounds(jobs, devices)
    # Not in the threads: Python 3.11's parser, which the hashes of code need, is not safe in them.
    origins = [origin_of(job) for job in jobs]
    free: queue.SimpleQueue[machine.Device] = queue.SimpleQueue()
    for device in devices:
        free.put(device)

    def train(job: Job, origin: Origin) -> None:
        if interruptions.reason():
            raise Stopped(f"{job.name}: not begun")
        device = free.get()
        try:
            _train(job, origin, device, interruptions)
        except UserError as error:
            interruptions.stop(f"{job.name} failed")
            raise error
        finally:
            free.put(device)

    with progress.view(), ThreadPoolExecutor(len(devices)) as pool:
        endings = [pool.submit(train, *one) for one in zip(jobs, origins, strict=True)]
        faults = [ending.exception() for ending in endings]
    found = [fault for fault in faults if fault is not None]
    # A fault of one fold stops the others, so it is the one to tell; a bug before any mistake.
    for fault in sorted(found, key=lambda fault: isinstance(fault, Stopped)):
        for other in found:
            if other is not fault:
                progress.say(str(other))
        raise fault


def _train(job: Job, origin: Origin, device: machine.Device, interruptions: Interruptions) -> None:
    fold = FoldRun(job, [device])
    with open_checkpoints(job, origin) as checkpoints:
        state, history = fold.run(checkpoints, interruptions)
        total = fold.data.schedule.total
        if checkpoints.last != total:
            fold.loop.save(state, total, history, checkpoints)
    progress.say(f"{job.name}: trained; dvc repro {job.name} predicts and publishes")


def _say_rounds(jobs: Sequence[Job], devices: Sequence[machine.Device]) -> None:
    rounds = -(-len(jobs) // len(devices))
    at_once = min(len(jobs), len(devices))
    kind = devices[0].device_kind
    progress.say(
        f"{len(jobs)} fold(s), {at_once} at once, one a device ({kind}), {rounds} round(s)"
    )
