"""Remove from DVC's cache what was changed through a link to it: `make mend`.

The links go with it. `make submission` makes them again, or `dvc repro --pull` fetches them.
"""

from pathlib import Path

from pipeline.errors import exit_with_message
from pipeline.graph.cache_repair import damaged, linked, outputs
from pipeline.graph.repository import opened
from pipeline.progress import say


def main() -> None:
    """Hash the objects of what DVC tracks; remove those whose bytes are not their own."""
    with opened() as repo, repo.lock:
        cache, tracked = Path(repo.cache.local.path), outputs(repo)
        lost = {out: damaged(cache, out) for out in tracked}
        objects = dict.fromkeys(path for paths in lost.values() for path in paths)
        # Links first: after a kill in between, the objects still tell what is left to do.
        for path in [*linked(objects, tracked), *objects]:
            path.unlink()
            say(f"removed {path}")
    given = [out.path for out, paths in lost.items() if paths and not out.is_made]
    for path in given:
        say(
            f"{path}: no stage makes it; remove it, and make data brings Kaggle's files again; "
            f"dvc pull {path} fetches it from a remote"
        )
    if any(paths and out.is_made for out, paths in lost.items()):
        say("make submission makes them again; dvc repro --pull fetches them from a remote")
    elif not given:
        say("nothing to mend in DVC's cache; make submission puts outputs back that differ from it")


if __name__ == "__main__":
    exit_with_message(main)
