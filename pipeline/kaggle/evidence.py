"""A run's own log and report as evidence: of its bundle, its devices, and its time."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.bundle.forecast import read_forecast
from pipeline.bundle.kernel import manifest_line
from pipeline.errors import UserError
from pipeline.kaggle.kernel_output import LOG
from pipeline.kaggle.refusals import FailedError
from pipeline.kaggle.target import ACCELERATORS
from pipeline.progress import say

_DEVICES = re.compile(r"on (\d+) (\w+) device\(s\)")  # as inference says it


class OtherBundleError(FailedError):
    """A run that, by its log, read another bundle than was sent."""


def check_bundle(digest: str, run: str, folder: Path) -> None:
    """Check that a version ran on this bundle: a kernel mounts whichever version is the newest.

    Args:
      digest: sha256 of the bundle's manifest.
      run: the kernel's version, for messages.
      folder: holds its log.

    Raises:
      OtherBundleError: the log names another manifest.
      FailedError: it names none.
    """
    expected = manifest_line(digest)
    lines = _lines(folder)
    said = sorted({line for line in lines if line.startswith(manifest_line(""))})
    if said == [expected]:
        return
    text = f"{run}: expected the line {expected!r} in its log ({folder / LOG}), found"
    if not said:
        raise FailedError(f"{text} no such line; not submitted")
    found = repr(said[0]) if len(said) == 1 else f"{len(said)} different lines"
    raise OtherBundleError(f"{text} {found}; not submitted")


def check_devices(accelerator: str, run: str, folder: Path) -> None:
    """Check that a version had the GPUs that were asked for; without an accelerator any will do.

    Raises:
      FailedError: it had fewer, or its log does not say.
    """
    asked = ACCELERATORS[accelerator]
    if not asked:
        return
    found = [said for line in _lines(folder) if (said := _DEVICES.match(line))]
    short = [said[0] for said in found if said[2] != "gpu" or int(said[1]) < asked]
    if short or not found:
        seen = short[0].removeprefix("on ") if short else "no word of its devices"
        raise FailedError(
            f"{run}: expected {asked} GPUs, as {accelerator} has, found {seen} in its log "
            f"({folder / LOG}); not submitted"
        )


def too_slow(run: str, folder: Path) -> str:
    """Tell what speaks against a rerun on the hidden test by its time; empty where nothing does.

    A run that leaves some folds out ends, with a little worse predictions, and that is said. One
    that has no time for a single fold of a model predicts something else than was asked for. One
    that is late before any model predicts does not end.
    """
    try:
        found = read_forecast(folder)
    except UserError as error:
        return f"{run}: {error}; make the bundle again, or submit it with --anyway"
    say(f"{run}: {found}")
    if found.late:
        return f"{run}: {found}; not submitted: take fewer folds, or submit it with --anyway"
    if found.lost:
        return (
            f"{run}: {found.time}, which leaves no fold of {', '.join(found.lost)}; not submitted: "
            "take fewer folds or models, larger rows or an accelerator, or submit it with --anyway"
        )
    return ""


def _lines(folder: Path) -> Sequence[str]:
    return (folder / LOG).read_text(encoding="utf-8").splitlines()
