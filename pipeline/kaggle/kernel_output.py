"""Fetch what a kernel's run left: its log, and files of its output."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import requests

from pipeline.bundle.forecast import REPORT
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.kaggle.client import Client
from pipeline.kaggle.download import check_room, watched
from pipeline.kaggle.refusals import FailedError
from pipeline.tables.submission import check_submission

OUTPUT: Final = "submission.csv"
LOG: Final = "kernel.log"
_SECONDS = 300  # without a byte of a download
_TAIL = 3  # lines of a log that are printed


def fetch_files(
    client: Client, ref: str, version: int, names: Sequence[str], folder: Path
) -> list[Path]:
    """Fetch a version's log and large files of its output, each on from where it broke off.

    Args:
      client: signed in.
      ref: owner and slug of the kernel.
      version: of it.
      names: of the files; those that the run didn't leave are left out.
      folder: keeps them.

    Returns:
      Those that there are.

    Raises:
      UserError: Kaggle refuses it, or the disk is full.
    """

    def fetch() -> list[Path]:
        log, files = _list(client, ref, version)
        _save_log(log, folder)
        there = [folder / name for name in names if name in files]
        for path in there:
            # Listed anew each time: the address is a signed one, which runs out.
            with requests.get(files[path.name], stream=True, timeout=_SECONDS) as response:
                response.raise_for_status()
                size = int(response.headers.get("Content-Length", 0))
                check_room(path, size)
                with watched(path, size):
                    client.api.download_file(
                        response, str(path), None, quiet=True, resume=True, max_retries=0
                    )
        return there

    folder.mkdir(parents=True, exist_ok=True)
    return client.call(f"fetch the output of kernel {ref}", fetch)


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
            f"{tail(lines)}"
        )
    try:
        check_submission(path, order)
    except UserError as error:
        raise FailedError(f"kernel {ref} version {version}: {error}; not submitted") from None
    return path


def _list(client: Client, ref: str, version: int) -> tuple[str, dict[str, str]]:
    """Return the log of a version's run, and the addresses of its files by name."""
    from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

    request = ApiListKernelSessionOutputRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    request.version_label = label(version)
    files: dict[str, str] = {}
    with client.api.build_kaggle_client() as kaggle:
        while True:
            page = kaggle.kernels.kernels_api_client.list_kernel_session_output(request)
            files |= {file.file_name: file.url for file in page.files or [] if file}
            if not page.next_page_token:
                return page.log or "", files
            request.page_token = page.next_page_token


def label(version: int) -> str:
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


def tail(lines: Sequence[str]) -> str:
    """Put the last lines of a log into one."""
    return " / ".join(line.strip() for line in lines[-_TAIL:] if line.strip()) or "(empty)"
