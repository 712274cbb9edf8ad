"""Outputs held against dvc.lock: what leaves is what the graph made, from this configuration.

The bytes are hashed. DVC itself goes by times and by its cache, which an edit in place changes too.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline import room
from pipeline.errors import UserError
from pipeline.graph.lock_repair import LOCK
from pipeline.progress import say

PARAMETERS = Path("params.yaml")
# Bytes above which hashing takes seconds.
_TOLD = 1e9


def check_outputs(outputs: Sequence[Path]) -> None:
    """Check that outputs are those of the lock, and that their stages ran with this configuration.

    Args:
      outputs: files or folders, each whole.

    Raises:
      UserError: one is missing or not in the lock, has other bytes, or has a stage that ran with
        other parameters.
    """
    stages = _read(LOCK).get("stages", {})
    said = {out["path"]: (name, out) for name, stage in stages.items() for out in _outs(stage)}
    for path in outputs:
        if path.as_posix() not in said:
            raise UserError(f"{LOCK}: no output {path}; run dvc repro")
    size = sum(said[path.as_posix()][1].get("size", 0) for path in outputs)
    if size > _TOLD:
        say(f"hashing {room.size(size)} of outputs, to hold them to {LOCK}")
    configuration = _read(PARAMETERS)
    for path in outputs:
        stage, expected = said[path.as_posix()][0], said[path.as_posix()][1]["md5"]
        if not path.exists():
            raise UserError(f"{path}: not found; run dvc repro, or dvc checkout {stage}")
        found = md5(path)
        if found != expected:
            raise UserError(
                f"{path}: expected md5 {expected} as {LOCK} has it, found {found}; "
                "run make mend, then make submission"
            )
        _check_parameters(stage, stages[stage], configuration)


def md5(path: Path) -> str:
    """The hash by which DVC 3 knows a file, or a whole folder but for what .dvcignore names."""
    if path.is_file():
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "md5").hexdigest()
    # Here, because it takes half a second that files need not spend.
    from dvc.fs import localfs  # pyright: ignore[reportPrivateImportUsage]
    from dvc.ignore import DvcIgnoreFilter

    whole = path.absolute()
    found = map(Path, DvcIgnoreFilter(localfs, str(Path.cwd())).find(localfs, str(whole)))
    entries = [{"md5": md5(file), "relpath": file.relative_to(whole).as_posix()} for file in found]
    entries.sort(key=lambda entry: entry["relpath"])
    return f"{hashlib.md5(json.dumps(entries).encode()).hexdigest()}.dir"


def _outs(stage: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return stage.get("outs", ())


def _check_parameters(
    stage: str, locked: Mapping[str, Any], configuration: Mapping[str, Any]
) -> None:
    for key, value in locked.get("params", {}).get(PARAMETERS.name, {}).items():
        here: Any = configuration
        for part in key.split("."):
            here = here.get(part) if isinstance(here, Mapping) else None
        if here != value:
            raise UserError(
                f"{PARAMETERS}: {key}: {stage} ran with another value, as "
                f"{LOCK} has it; run dvc repro"
            )


def _read(path: Path) -> Mapping[str, Any]:
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: not found; run dvc repro from the root of the project") from None
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    return content if isinstance(content, dict) else {}
