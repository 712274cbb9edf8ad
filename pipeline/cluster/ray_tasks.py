"""The only place that talks to Ray: a cluster, tasks on it, and the events that they send."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.cluster.listening import Event
from pipeline.cluster.node import Ending, Leaving, Order, run
from pipeline.cluster.ray_settings import set_up
from pipeline.errors import UserError, one_line

# Patterns as git's. What git ignores is left out by Ray itself.
_NOT_SHIPPED = [".git", ".venv*", ".dvc/cache", ".dvc/tmp", ".dvc/config.local", ".checkpoints"]
_NOT_SHIPPED += [".cache", "/docs", "/tests", "/bench", "/notebooks"]
_STORE = 100_000_000  # bytes; results are a few kilobytes


class Cluster:
    """A Ray cluster, or one on this machine alone, with this project's files on every node."""

    def __init__(self, address: str | None) -> None:
        """Name a cluster by Ray's address; None starts one here."""
        self._address = address

    def __enter__(self) -> "Cluster":
        """Connect, and ship the project.

        Raises:
          UserError: nothing answers, or it is of another version.
        """
        if self._address is not None and "://" in self._address:
            raise UserError(
                f"ADDRESS: expected auto or host:port, found {self._address!r}; run the command on "
                "the cluster's head"
            )
        set_up(starts_here=self._address is None)
        self._ray: Any = _imported()
        local: dict[str, Any] = {
            "include_dashboard": False,
            "object_store_memory": _STORE,
            "_node_ip_address": "127.0.0.1",
        }
        try:
            self._ray.init(
                address=self._address or "local",
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env={"working_dir": str(Path.cwd()), "excludes": _NOT_SHIPPED},
                **(local if self._address is None else {}),
            )
        except (ConnectionError, RuntimeError, ValueError, self._ray.exceptions.RayError) as error:
            raise UserError(
                f"Ray at {self._address or 'this machine'}: {_first_line(error)}"
            ) from None
        self._board = self._make_board()
        self._run = self._ray.remote(run)
        return self

    def __exit__(self, *error: object) -> None:
        self._ray.shutdown()

    def nodes(self) -> list[Mapping[str, float]]:
        """List what each node that is up announces."""
        return [node["Resources"] for node in self._ray.nodes() if node["Alive"]]

    def submit(self, order: Order, options: Mapping[str, Any], before: Sequence[Any]) -> Any:
        """Hand in a task, which begins when those before it have ended and a node has room.

        It is repeated elsewhere when its machine dies or takes its leave, as often as need be.
        """
        task = self._run.options(
            name=order.stage, max_retries=-1, retry_exceptions=[Leaving], **options
        )
        return task.remote(order, self._board.actor, *before)

    def events(self) -> list[Event]:
        """Take what tasks have sent since."""
        return self._board.get_nowait_batch(self._board.size())

    def wait(self, tasks: Sequence[Any], seconds: float) -> list[Any]:
        """Return the tasks that have ended, after `seconds` at most unless one has."""
        return self._ray.wait(list(tasks), num_returns=1, timeout=seconds)[0]

    def ending(self, task: Any, stage: str) -> Ending:
        """Return how a task ended.

        Raises:
          UserError: Ray can't run it.
        """
        try:
            return self._ray.get(task)
        except self._ray.exceptions.TaskCancelledError:
            return Ending(stage, "stopped")
        except self._ray.exceptions.RayTaskError:
            # A bug, whose traceback somebody needs.
            raise
        except self._ray.exceptions.RayError as error:
            return Ending(stage, "failed", f"{stage}: Ray: {_first_line(error)}")

    def cancel(self, task: Any) -> None:
        """Ask a task to save and leave; one that waits never begins."""
        self._ray.cancel(task)

    def _make_board(self) -> Any:
        """Make the queue of events, on this machine, which outlives the others."""
        from ray.util.queue import Queue  # type: ignore[import-not-found]
        from ray.util.scheduling_strategies import (  # type: ignore[import-not-found]
            NodeAffinitySchedulingStrategy,
        )

        here = self._ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(node_id=here, soft=False)
        return Queue(actor_options={"num_cpus": 0, "scheduling_strategy": strategy})


def _imported() -> Any:
    try:
        import ray  # type: ignore[import-not-found]
    except ImportError:
        raise UserError("commands.spread: no ray in this environment; run: make spread") from None
    return ray


def _first_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return one_line(lines[0].strip()) if lines else type(error).__name__
