"""List the graph: what each stage needs, what is done, the time left to train: `make graph`.

It may be asked while a run goes on elsewhere. `dvc dag` draws the same as a picture, which no
terminal is wide enough for.
"""

import argparse
import shutil
import textwrap
from collections.abc import Iterator, Sequence

from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.graph.outlook import Stages, State, outlook
from pipeline.progress import say
from pipeline.training.left import left

_WIDTH = 100


def main(argv: Sequence[str] | None = None) -> None:
    """Print a line for each stage, and the time left."""
    parser = argparse.ArgumentParser(prog="commands.graph", description=__doc__)
    parser.add_argument("--left", action="store_true", help="the time left alone")
    parser.add_argument("--without", metavar="STAGE", help="one that is about to be done, and asks")
    wanted = parser.parse_args(argv)
    found = outlook()
    if not wanted.left:
        for line in _lines(found):
            say(line)
    waiting = {
        name
        for stages in found
        for name, state in stages.states.items()
        if state is not State.DONE and name != wanted.without
    }
    say(left(load_configuration(), waiting).line)


def _lines(found: Sequence[Stages]) -> Iterator[str]:
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    rows = [("stage", "done", "needs"), *((s.name, _told(s), ", ".join(s.needs)) for s in found)]
    first, second = (max(len(row[i]) for row in rows) for i in range(2))
    for name, done, needs in rows:
        head = f"{name:<{first}}  {done:<{second}}  "
        wrapped = textwrap.wrap(needs, max(width - len(head), 20)) or [""]
        yield f"{head}{wrapped[0]}".rstrip()
        for more in wrapped[1:]:
            yield f"{'':<{len(head)}}{more}"


def _told(stages: Stages) -> str:
    """Say how many are done, and how the others stand."""
    done, running = stages.count(State.DONE), stages.count(State.RUNNING)
    text = f"{done} of {len(stages.states)}"
    return f"{text}, {running} running" if running else text


if __name__ == "__main__":
    exit_with_message(main)
