"""The checkpoints here that a kernel could go on from."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.training.job import Job
from pipeline.training.origin import FILE


def saved_runs(jobs: Iterable[Job]) -> Iterator[Path]:
    """Yield the folders of runs that began with the settings and the code of these jobs.

    A run's whole fingerprint holds versions and variables of the machine that it began on; there
    alone it is known whether they are the same.
    """
    root = paths.checkpoints()
    by_name = {job.name: job for job in jobs}
    for origin in sorted(root.glob(f"*/{FILE}")):
        try:
            noted = read_json(origin)
        except UserError:
            continue
        job = by_name.get(str(noted.get("stage")))
        if job is None or noted.get("code") != job.code:
            continue
        # As JSON has it, which knows no tuples.
        if noted.get("settings") == json.loads(json.dumps(job.settings)):
            yield origin.parent
