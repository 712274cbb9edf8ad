"""Remove from DVC's cache what was changed through a link to it: `make mend`.

The links go with it. `make submission` makes them again, or `dvc repro --pull` fetches them.
"""

from pathlib import Path

from dvc.repo import Repo

from pipeline.errors import exit_with_message
from pipeline.graph.cache_repair import damaged, linked
from pipeline.progress import say


def main() -> None:
    """Hash the objects of dvc.lock's outputs; remove those whose bytes are not their own."""
    with Repo() as repo, repo.lock:
        objects = damaged(Path(repo.cache.local.path))
        # Links first: after a kill in between, the objects still tell what is left to do.
        for path in [*linked(objects), *objects]:
            path.unlink()
            say(f"removed {path}")
    if objects:
        say("make submission makes them again; dvc repro --pull fetches them from a remote")
    else:
        say("nothing to mend in DVC's cache; make submission puts outputs back that differ from it")


if __name__ == "__main__":
    exit_with_message(main)
