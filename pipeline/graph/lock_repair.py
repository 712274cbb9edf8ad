"""Repair of a dvc.lock that was cut short.

DVC writes it in place, so a kill may leave a part of it, which can be valid YAML. DVC's results are
in its cache by the time it writes the lock, so an older whole one costs no more than looking them
up there.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML, YAMLError

from pipeline import git
from pipeline.errors import UserError
from pipeline.files import atomic_file

LOCK = Path("dvc.lock")
COPY = Path(".cache/dvc.lock")  # of the last run that ended well
ASIDE = Path(".cache/dvc.lock.damaged")


class _Whole(NamedTuple):
    """A whole lock: whose, its bytes, and its entries by stage."""

    name: str
    content: bytes
    stages: Mapping[str, Any]


def is_known() -> bool:
    """Tell whether the lock is missing or has the bytes of the last run that ended well."""
    return not LOCK.exists() or (COPY.exists() and COPY.read_bytes() == LOCK.read_bytes())


def keep() -> None:
    """Copy the lock of a run that ended well."""
    if not is_known():
        _write(COPY, LOCK.read_bytes())


def mend() -> str | None:
    """Replace a lock that is cut short by the last whole one; return a line about it.

    Where there is none to put back, neither a copy nor git's, DVC goes on without.

    Raises:
      UserError: a merge conflict stands in it.
    """
    found = LOCK.read_bytes()
    _refuse_conflict(found)
    whole = next(_known(), None)
    if not _is_cut(found, whole):
        return None
    # That it is cut short is a guess, so nothing may be lost by it.
    _write(ASIDE, found)
    begin, end = f"{LOCK}: cut short, as by a kill; ", "comes out of DVC's cache"
    if whole is None:
        LOCK.unlink()
        return f"{begin}no whole one to put back, kept this as {ASIDE}. What ran before {end}"
    _write(LOCK, whole.content)
    return f"{begin}put back that of {whole.name}, kept this as {ASIDE}. What ran since {end}"


def _known() -> Iterator[_Whole]:
    """Yield whole locks, the best first."""
    if COPY.exists():
        content = COPY.read_bytes()
        if (stages := _stages(content)) is not None:
            yield _Whole("the last whole run", content, stages)
    shown = (git.ask("show", f"HEAD:./{LOCK}") or "").encode("utf-8", "surrogateescape")
    if (stages := _stages(shown)) is not None:
        yield _Whole("git's HEAD", shown, stages)


def _is_cut(content: bytes, whole: _Whole | None) -> bool:
    """Tell whether a lock was cut short.

    A cut between two new entries can't be seen, and the lock passes for whole. No harm is done:
    what is missing comes out of DVC's cache.
    """
    stages = _stages(content)
    if stages is None:
        return True
    if whole is None or not stages:
        return False
    # A kill cuts the end off, so only the last entry can have lost lines.
    last = list(stages)[-1]
    is_the_beginning = whole.content.startswith(content) and whole.content != content
    return is_the_beginning or bool(_outputs(whole.stages, last) - _outputs(stages, last))


def _stages(content: bytes) -> Mapping[str, Any] | None:
    """Return entries by stage; None where this is no lock or its last line has no end."""
    # Here, because it takes a second that most runs need not spend.
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    if not content.endswith(b"\n"):
        return None
    try:
        tree: Any = COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe").load(content))
        return tree.get("stages")
    except (YAMLError, Invalid, ValueError):
        return None


def _outputs(stages: Mapping[str, Any], name: str) -> set[str]:
    """Return the outputs of a stage that have a digest and a size."""
    outs = stages.get(name, {}).get("outs", ())
    return {out["path"] for out in outs if {"md5", "size"} <= out.keys()}


def _refuse_conflict(content: bytes) -> None:
    for number, line in enumerate(content.splitlines(), start=1):
        if re.match(rb"(<{7}|={7}|>{7})( |$)", line):
            raise UserError(
                f"{LOCK}: line {number}: a merge conflict; resolve it, "
                f"or take one side by `git checkout HEAD -- {LOCK}`"
            )


def _write(path: Path, content: bytes) -> None:
    with atomic_file(path) as temporary:
        temporary.write_bytes(content)
