"""A Ray cluster on this machine whose nodes can die as machines do: for `make spread-check`."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from pipeline.cluster import environment
from pipeline.cluster.workspace import ORDER
from pipeline.errors import UserError
from pipeline.files import read_json

_STORE = 80_000_000  # bytes


class DyingCluster:
    """A head without processors, where the coordinator runs, and nodes of one processor each.

    Each node has a folder of its own, as machines have, and in it an environment of the project
    that is there already.
    """

    def __init__(self, scratch: Path, project: Path, count: int) -> None:
        """Start the head and `count` nodes.

        Args:
          scratch: for the nodes' folders.
          project: whose locks name the environment; its .venv is every node's.
          count: of nodes.
        """
        from ray.cluster_utils import Cluster  # type: ignore[import-not-found]

        self._scratch, self._numbers = scratch, itertools.count()
        self._folders: dict[Any, Path] = {}
        self._name = environment.name(project, "cpu")
        self._environment = (project / ".venv").resolve()
        self._cluster: Any = Cluster(
            initialize_head=True,
            shutdown_at_exit=True,
            head_node_args={"num_cpus": 0, "object_store_memory": _STORE},
        )
        self.nodes = [self.add() for _ in range(count)]

    @property
    def address(self) -> str:
        """As `make spread` takes it."""
        return self._cluster.address

    def add(self) -> Any:
        """Bring up a node."""
        name = f"node{next(self._numbers)}"
        folder = self._scratch / name
        (folder / "environments").mkdir(parents=True)
        (folder / "environments" / self._name).symlink_to(self._environment)
        node = self._cluster.add_node(
            num_cpus=1,
            object_store_memory=_STORE,
            env_vars={environment.FOLDER: str(folder)},
            # Else a new node would unpack the project where an older one's tasks have theirs.
            runtime_env_dir_name=f"{name}_resources",
        )
        self._folders[node] = folder
        return node

    def stages(self, node: Any) -> list[str]:
        """List the stages that a node pulls for, runs or pushes."""
        found = []
        for path in self._folders[node].glob(f"workspaces/*/{ORDER}"):
            # One that is being written or removed belongs to no stage at work.
            with contextlib.suppress(OSError, UserError):
                found.append(read_json(path)["stage"])
        return found

    def replace(self, node: Any) -> None:
        """Let a node die as when its machine loses power, and bring up another one."""
        # Stopped first, so that no process sees another one die and acts on it.
        for signal_all in (psutil.Process.suspend, psutil.Process.suspend, psutil.Process.kill):
            for process in _family(node):
                with contextlib.suppress(psutil.NoSuchProcess):
                    signal_all(process)
        self._cluster.remove_node(node, allow_graceful=False)
        self.nodes[self.nodes.index(node)] = self.add()

    def shutdown(self) -> None:
        """End every process."""
        self._cluster.shutdown()


def _family(node: Any) -> Iterator[psutil.Process]:
    """Yield a node's own process and all that descend from it."""
    (raylet,) = node.all_processes["raylet"]
    try:
        parent = psutil.Process(raylet.process.pid)
        yield from [*parent.children(recursive=True), parent]
    except psutil.NoSuchProcess:
        return
