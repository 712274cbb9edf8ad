"""Push the kernel that predicts on Kaggle, wait for its run, and read its output."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import requests

from pipeline.bundle.forecast import REPORT
from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_json
from pipeline.kaggle.client import Client, field
from pipeline.kaggle.patience import Patience, wait
from pipeline.kaggle.refusals import ABSENT, FailedError, RefusedError
from pipeline.kaggle.target import Target, title
from pipeline.tables.submission import check_submission

CODE: Final = "kernel.py"
METADATA: Final = "kernel-metadata.json"
OUTPUT: Final = "submission.csv"
LOG: Final = "kernel.log"
_SOURCES = ("dataset", "competition", "kernel", "model")
_SESSIONS_TAKEN = re.compile("maximum .*session count .*reached", re.IGNORECASE)
_UNDER_WAY = ("queued", "running", "new script")
_SECONDS = 300  # without a byte of a download
_TAIL = 3  # lines of a log that are printed


def kernel_metadata(target: Target) -> dict[str, Any]:
    """Return the metadata that Kaggle's client reads: a private kernel, without internet."""
    gpu = target.accelerator != "none"
    return {
        "id": target.kernel_ref,
        "title": title(target.kernel),
        "code_file": CODE,
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": gpu,
        "enable_tpu": False,
        "enable_internet": False,
        "machine_shape": target.accelerator if gpu else None,
        "docker_image": target.docker_image,
        "dataset_sources": [target.dataset_ref],
        "competition_sources": [target.competition],
        "kernel_sources": [],
        "model_sources": [],
    }


def is_private(client: Client, ref: str) -> bool | None:
    """Tell whether Kaggle calls the kernel private; None where there is none with a version."""
    try:
        found = client.call(f"look at kernel {ref}", lambda: _get(client, ref))
    except RefusedError as error:
        if error.status in ABSENT:
            return None
        raise
    return found.metadata is not None and found.metadata.is_private is True


def push(client: Client, target: Target, script: str, folder: Path, patience: Patience) -> int:
    """Push the kernel, which starts it, and check that it got all that it reads.

    Where all of the account's sessions are taken, it is pushed again until one is free.

    Args:
      client: signed in.
      target: names.
      script: its text.
      folder: is made anew with what is pushed.
      patience: for a free session.

    Returns:
      The number of the version.

    Raises:
      FailedError: Kaggle runs it without one of its sources.
      UserError: Kaggle refuses it.
    """
    ref = target.kernel_ref
    with atomic_folder(folder) as temporary:
        (temporary / CODE).write_text(script, encoding="utf-8")
        write_json(temporary / METADATA, kernel_metadata(target))

    def look() -> tuple[str, Any]:
        try:
            response = client.call(
                f"push kernel {ref}", lambda: client.api.kernels_push(str(folder))
            )
        except RefusedError as error:
            if not _SESSIONS_TAKEN.search(error.message):
                raise
            return _waiting(error.message), None
        said = field(response, "error")
        return (_waiting(said), None) if _SESSIONS_TAKEN.search(said) else ("pushed", response)

    response = wait(f"kernel {ref}", look, patience, offline=False)
    # A refusal may come as a field of a good answer, without any exception.
    error = field(response, "error")
    if error or not response.version_number:
        raise UserError(f"kernel {ref}: Kaggle did not take it: {error or 'no version number'}")
    # Kaggle runs a kernel without the sources that it did not accept; its own command only warns.
    for kind in _SOURCES:
        invalid = getattr(response, f"invalid_{kind}_sources", None)
        if invalid:
            raise FailedError(
                f"kernel {ref} version {response.version_number}: Kaggle did not accept the {kind} "
                f"{', '.join(invalid)} and runs the kernel without it; not submitted"
            )
    return int(response.version_number)


def _waiting(reason: str) -> str:
    return f"waiting for a session ({reason.rstrip('.')})"


def wait_until_done(
    client: Client, ref: str, version: int, patience: Patience, folder: Path
) -> None:
    """Wait until a version has run.

    Args:
      client: signed in.
      ref: owner and slug.
      version: the number that pushing gave.
      patience: a run on Kaggle takes up to nine hours, after its time in the queue.
      folder: gets the log where the run fails.

    Raises:
      FailedError: it failed or was cancelled; the line ends with the log's end.
      UserError: it takes too long.
    """

    def look() -> tuple[str, bool | None]:
        answer = client.call(f"look at kernel {ref}", lambda: _status(client, ref, version))
        status = answer.status.name.lower().replace("_", " ")
        if status in _UNDER_WAY:
            return status, None
        if status != "complete":
            try:
                tail = _tail(fetch_log(client, ref, version, folder))
            except UserError as error:
                tail = str(error)
            reason = field(answer, "failure_message") or "no reason given"
            raise FailedError(
                f"kernel {ref} version {version}: ended with {status!r}: {reason}; log in "
                f"{folder}, its end: {tail}"
            )
        return status, True

    wait(f"kernel {ref} version {version}", look, patience)


def fetch_log(client: Client, ref: str, version: int, folder: Path) -> list[str]:
    """Fetch a version's log into `folder`; return its lines."""
    listed = client.call(f"fetch the log of kernel {ref}", lambda: _list(client, ref, version))
    return _save_log(listed[0], folder)


def fetch_output(
    client: Client, ref: str, version: int, order: Sequence[str], folder: Path
) -> Path:
    """Fetch a version's log, its report and submission.csv, and check the latter.

    Args:
      client: signed in.
      ref: owner and slug.
      version: of the kernel.
      order: the ids of the competition's visible sample.
      folder: is made anew.

    Raises:
      FailedError: there is no submission.csv, or it is not one of these ids.
    """
    path = folder / OUTPUT

    def fetch(temporary: Path) -> list[str]:
        log, files = _list(client, ref, version)
        for name in (name for name in (OUTPUT, REPORT) if name in files):
            with requests.get(files[name], stream=True, timeout=_SECONDS) as response:
                response.raise_for_status()
                target = str(temporary / name)
                client.api.download_file(response, target, None, quiet=True, max_retries=0)
        return _save_log(log, temporary)

    with atomic_folder(folder) as temporary:
        lines = client.call(f"fetch the output of kernel {ref}", lambda: fetch(temporary))
    if not path.is_file():
        raise FailedError(
            f"kernel {ref} version {version}: wrote no {OUTPUT}; log in {folder}, its end: "
            f"{_tail(lines)}"
        )
    try:
        check_submission(path, order)
    except UserError as error:
        raise FailedError(f"kernel {ref} version {version}: {error}; not submitted") from None
    return path


# The client's own methods for these take a refused token for a wrong name.


def _status(client: Client, ref: str, version: int) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

    request = ApiGetKernelSessionStatusRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    request.version_label = _label(version)
    with client.api.build_kaggle_client() as kaggle:
        return kaggle.kernels.kernels_api_client.get_kernel_session_status(request)


def _get(client: Client, ref: str) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    with client.api.build_kaggle_client() as kaggle:
        return kaggle.kernels.kernels_api_client.get_kernel(request)


def _list(client: Client, ref: str, version: int) -> tuple[str, dict[str, str]]:
    """Return the log of a version's run, and the addresses of its files by name."""
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    request = ApiListKernelSessionOutputRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    request.version_label = _label(version)
    files: dict[str, str] = {}
    with client.api.build_kaggle_client() as kaggle:
        while True:
            page = kaggle.kernels.kernels_api_client.list_kernel_session_output(request)
            files |= {file.file_name: file.url for file in page.files or [] if file}
            if not page.next_page_token:
                return page.log or "", files
            request.page_token = page.next_page_token


def _label(version: int) -> str:
    """Write a version as Kaggle's service has it; the bare number is answered with 404."""
    return f"v{version}"


def _save_log(raw: str, folder: Path) -> list[str]:
    lines = _lines(raw)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / LOG).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return lines


def _lines(raw: str) -> list[str]:
    """Split a log into lines; Kaggle keeps it as JSON with the stream and the time."""
    try:
        text = "".join(str(entry["data"]) for entry in json.loads(raw))
    except (ValueError, TypeError, KeyError):
        text = raw
    return text.splitlines()


def _tail(lines: Sequence[str]) -> str:
    return " / ".join(line.strip() for line in lines[-_TAIL:] if line.strip()) or "(empty)"
