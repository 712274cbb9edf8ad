"""The whole way: what stands before training here, the rest on the cluster, the end here again."""

from pathlib import Path

from pipeline.cluster import shared
from pipeline.cluster.node import Order
from pipeline.cluster.plan import Task, before_training, only_to_fetch, tasks, to_push
from pipeline.cluster.ray_tasks import Cluster
from pipeline.cluster.resources import resources
from pipeline.cluster.running import Run, told
from pipeline.configuration import Configuration
from pipeline.errors import Stopped, UserError
from pipeline.graph import child
from pipeline.graph.standing import standings
from pipeline.params import Compute, Session
from pipeline.platforms import BUILDS
from pipeline.progress import say
from pipeline.training.interruptions import Interruptions
from pipeline.training.left import left


def spread(
    configuration: Configuration,
    address: str | None,
    folder: Path,
    cpus: int | None = None,
    devices: int | None = None,
) -> None:
    """Train on a cluster what DVC's cache doesn't have, and bring the whole graph up to date.

    Args:
      configuration: the present one.
      address: of the cluster, as Ray has it; None for one on this machine.
      folder: that all nodes see.
      cpus: of a task.
      devices: of a task: GPUs, or chips of a TPU.

    Raises:
      UserError: a stage fails, or the cluster can't run it. The other tasks are saved.
      Stopped: asked to stop; every task that had begun is saved.
    """
    settings = shared.settings(folder)
    wanted, inputs = _wanted()
    if wanted:
        _dvc("push", "--quiet", "--run-cache", *inputs)
        say(left(configuration, {task.stage for task in wanted}).line)
        compute = configuration.read("compute", Compute)
        session = configuration.read("session", Session)
        early = Interruptions(session)
        with shared.marked(folder) as mark, Cluster(address) as cluster:
            # Anew, since Ray takes over signals as it starts.
            interruptions = Interruptions(session)
            if reason := early.reason():
                raise Stopped(f"spread: {reason} before anything was trained")
            options = resources(compute, cluster.nodes(), cpus, devices)
            say(f"spread: {len(wanted)} stage(s), each on {told(options)}")
            orders = [
                Order(
                    task.stage, task.inputs, BUILDS[compute.platform], str(folder), mark, settings
                )
                for task in wanted
            ]
            Run(cluster, wanted, orders, options, interruptions, folder).to_the_end()
    _dvc("repro", "--pull")


def _wanted() -> tuple[list[Task], list[str]]:
    """Bring up to date what stands before training; return the tasks and what they read."""
    if first := before_training(standings()):
        _dvc("repro", "--pull", *first)
    found = standings()
    wanted = tasks(found)
    if known := only_to_fetch(wanted, found):
        shared.fetch(known)
        found = standings()
        wanted = tasks(found)
    return wanted, to_push(wanted)


def _dvc(*arguments: str) -> None:
    if child.run(Path(), "--wait-for-lock", *arguments, environment={}):
        raise UserError(f"dvc {arguments[0]} failed, as it says above; nothing is lost")
