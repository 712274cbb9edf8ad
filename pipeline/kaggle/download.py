"""Download a competition's archive with progress; resume one that broke off."""

import contextlib
import math
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.kaggle import refusals
from pipeline.kaggle.client import Client
from pipeline.progress import bar

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

_MEGABYTE = 1e6


def download(client: Client, competition: str, folder: Path) -> Path:
    """Download all of a competition's files as one archive.

    Args:
      client: signed in.
      competition: its name in Kaggle's addresses.
      folder: keeps the archive, and what is there of it when the download breaks off.

    Returns:
      The archive, complete.

    Raises:
      UserError: Kaggle refuses it, the connection breaks off again and again, or the disk is full.
    """
    archive = folder / f"{competition}.zip"
    folder.mkdir(parents=True, exist_ok=True)
    client.call(
        f"download the data of {competition}",
        lambda: _fetch(client.api, competition, archive),
        competition,
    )
    return archive


def _fetch(api: "KaggleApi", competition: str, archive: Path) -> None:
    """Fetch what is missing; the client proves by ETag and size that the parts belong together."""
    from kagglesdk.competitions.types.competition_api_service import ApiDownloadDataFilesRequest

    request = ApiDownloadDataFilesRequest()
    request.competition_name = competition
    with api.build_kaggle_client() as kaggle:
        response: Any = kaggle.competitions.competition_api_client.download_data_files(request)
        if not api.download_needed(response, str(archive)):
            return
        size = int(response.headers.get("Content-Length", 0))
        check_room(archive, size)
        with watched(archive, size):
            http = kaggle.http_client()
            # Repeating it is this project's part, which also renews the signed address.
            api.download_file(response, str(archive), http, quiet=True, resume=True, max_retries=0)


def check_room(path: Path, size: int) -> None:
    """Hold the disk of a file that is being fetched to what is still missing of `size` bytes.

    Raises:
      UserError: it has too little room.
    """
    missing = size - (path.stat().st_size if path.exists() else 0)
    free = shutil.disk_usage(path.parent).free
    if missing > free:
        raise refusals.too_little_room(path, missing, free)


@contextlib.contextmanager
def watched(path: Path, size: int) -> Iterator[None]:
    """Show how a file grows towards `size` bytes."""
    done = threading.Event()
    total = math.ceil(size / _MEGABYTE)

    def watch() -> None:
        with bar(total, "megabyte", f"download {path.name}") as progress:
            while not done.wait(0.5):
                with contextlib.suppress(OSError):
                    progress.update(int(path.stat().st_size / _MEGABYTE) - progress.n)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
