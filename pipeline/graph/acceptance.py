"""The check before `make accept`: a stage is stale through its code and nothing else."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.errors import UserError

_RECORD = re.compile(r"data/code/.+\.json|data/backbones/[^/]+/encoder\.json")  # of code


def refuse_more_than_code(status: Mapping[str, Iterable[str | Mapping[str, Any]]]) -> None:
    """Check what DVC says of stale stages: nothing but hashes of code may differ.

    Args:
      status: by stage, as `dvc status` gives it.

    Raises:
      UserError: a parameter, a command, an input or an output differs too.
    """
    for stage, changes in status.items():
        for change in changes:
            if isinstance(change, str):
                raise UserError(f"{stage}: {change}: expected edits to code alone; run dvc repro")
            for kind, entries in change.items():
                _refuse(stage, kind, entries)


def _refuse(stage: str, kind: str, entries: Mapping[str, Any]) -> None:
    for path, found in entries.items():
        if kind == "changed outs":
            raise UserError(f"{stage}: its output {path} is {found}; run dvc checkout {stage}")
        if not (_RECORD.fullmatch(path) and found == "modified"):
            what = ", ".join(found) if isinstance(found, Mapping) else found
            raise UserError(f"{stage}: {path}: {what}: expected edits to code alone; run dvc repro")
