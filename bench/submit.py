"""The route to a score, with a stand-in for Kaggle on loopback: python -m bench.submit.

Runs `commands.submit` on this checkout's finished graph as a command of its own, with the options
that it is given (`--dtype float16`), and says how long it took, and how much of that was the
kernel's run, which happens on Kaggle's machines otherwise. Ledger and journal stay as they are.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from bench import frame, tables
from pipeline import params, paths
from pipeline.competition.address import COMPETITION
from pipeline.competition.kaggle_files import locate
from pipeline.configuration import load_configuration
from pipeline.errors import UserError, exit_with_message
from tests.kaggle.stand_in.runner import competition_files, run_script
from tests.kaggle.stand_in.server import environment, serve
from tests.kaggle.stand_in.world import Body, Competition, Output, World


def main() -> None:
    """Print a table, and the machine.

    Raises:
      UserError: the route did not end with one submission.
    """
    options = frame.parser(__doc__ or "").parse_known_args()[1]
    source = locate(Path(load_configuration().read("data", params.Data).source))
    world = World()
    world.competitions[COMPETITION] = Competition(competition_files(source))
    ran: list[float] = []

    def run(world: World, request: Body) -> Output:
        start = time.perf_counter()
        output = run_script(world, request)
        ran.append(time.perf_counter() - start)
        return output

    world.run_kernel = run
    with frame.fresh() as (scratch, _), serve(world) as address:
        kept = [_set_aside(path, scratch) for path in (paths.SUBMIT, paths.LEDGER)]
        extra = environment(address, scratch) | {"KAGGLE_API_TOKEN": world.token}
        command = [sys.executable, "-m", "commands.submit", "--poll", "0.1", *options]
        start = time.perf_counter()
        try:
            done = subprocess.run(command, env=os.environ | extra, check=False)
        finally:
            for path, copy in zip((paths.SUBMIT, paths.LEDGER), kept, strict=True):
                _put_back(path, copy)
        whole = time.perf_counter() - start
    if done.returncode or len(world.submissions) != 1:
        raise UserError("the route did not end with one submission")
    elsewhere = [path for _, path in world.log if not path.startswith("/")]
    header = ("submit, s", "of which the kernel's run, s", "requests", "of other hosts")
    row = [f"{whole:.1f}", f"{sum(ran):.1f}", str(len(world.log)), str(len(elsewhere))]
    print(tables.table(header, [row]), end="\n\n")
    print(tables.machine(()))


def _set_aside(path: Path, scratch: Path) -> Path | None:
    return Path(shutil.move(path, scratch / path.name)) if path.exists() else None


def _put_back(path: Path, copy: Path | None) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if copy:
        shutil.move(copy, path)


if __name__ == "__main__":
    exit_with_message(main)
