"""The account's private dataset: a new one or its next version, and waiting until it is ready."""

import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests

from pipeline.errors import UserError
from pipeline.kaggle.client import Client, field
from pipeline.kaggle.patience import Patience, wait
from pipeline.kaggle.refusals import ABSENT, AGAIN, FailedError, RefusedError

HOURS = 2.0  # Kaggle takes minutes to process a version; what takes longer is stuck
_OVER = (None, "ready", "failed", "deleted")  # nothing is being processed


def publish(client: Client, ref: str, folder: Path, notes: str, patience: Patience) -> int:
    """Upload a folder as the dataset's first or next version.

    A version that was made by a request whose answer got lost does no harm: the next one
    replaces it. Kaggle takes none while it processes the first one, and answers 403 to it: that
    is waited for.

    Args:
      client: signed in.
      ref: owner and slug.
      folder: flat files and dataset-metadata.json.
      notes: what the version is; `wait_until_ready` knows it by them.
      patience: for an earlier version.

    Returns:
      The number of the version that was the current one before; 0 where there was none.

    Raises:
      UserError: Kaggle refuses it, or the upload breaks off for good.
    """
    while True:
        _wait_for_earlier(client, ref, patience)
        try:
            return _upload(client, ref, folder, notes)
        except RefusedError as error:
            if error.status != HTTPStatus.FORBIDDEN or _status(client, ref) in _OVER:
                raise


def wait_until_ready(client: Client, ref: str, notes: str, before: int, patience: Patience) -> int:
    """Wait until the version that `publish` made is the current one and unpacked.

    Args:
      client: signed in.
      ref: owner and slug.
      notes: of the version.
      before: the number that `publish` gave.
      patience: how often to look, and for how long.

    Returns:
      The version's number, as Kaggle has it.

    Raises:
      FailedError: Kaggle fails to process it, or another version has replaced it.
      UserError: it takes too long.
    """

    def look() -> tuple[str, int | None]:
        status, found = _status(client, ref), _look(client, ref)
        if status is None or found is None:  # a new dataset is not found for some seconds
            return "not there yet", None
        if status in ("failed", "deleted"):
            raise FailedError(
                f"dataset {ref}: processing ended with {status!r}; its page says why: "
                f"https://www.kaggle.com/datasets/{ref}"
            )
        current, ours = found.current_version_number, _number(found, notes, before)
        if ours is None:
            return f"version {current} is still the current one", None
        if ours < current:
            raise FailedError(
                f"dataset {ref}: version {current} has replaced version {ours}, which is this "
                f"bundle's; {AGAIN}"
            )
        if status == "ready" and ours == current:
            return f"version {ours} is ready", ours
        return status.replace("_", " "), None

    return wait(f"dataset {ref}", look, patience)


def current_version(client: Client, ref: str) -> int:
    """Return the number of the version that a kernel would mount now; 0 where there is none."""
    found = _look(client, ref)
    return found.current_version_number if found else 0


def is_private(client: Client, ref: str) -> bool | None:
    """Tell whether Kaggle calls the dataset private; None where there is none."""
    found = _look(client, ref)
    # The client's default for an answer without the field is that it is not.
    return None if found is None else found.is_private is True


def _number(dataset: Any, notes: str, before: int) -> int | None:
    """The number of the version with these notes.

    The first version has notes of Kaggle's, and where none are listed the number alone tells.
    """
    later = [one for one in dataset.versions or [] if one and one.version_number > before]
    ours = [one.version_number for one in later if one.version_notes == notes]
    if ours:
        return max(ours)
    unknown = before == 0 or not any(one.version_notes for one in later)
    current = dataset.current_version_number
    return current if unknown and current > before else None


def _wait_for_earlier(client: Client, ref: str, patience: Patience) -> None:
    def look() -> tuple[str, bool | None]:
        status = _status(client, ref)
        if status in _OVER:
            return "no version under way", True
        return f"waiting for an earlier version ({status.replace('_', ' ')})", None

    wait(f"dataset {ref}", look, patience, offline=False)


def _upload(client: Client, ref: str, folder: Path, notes: str) -> int:
    absolute = str(folder.absolute())  # the client knows a begun upload by its path
    terminal = sys.stderr.isatty()  # the client's bars are for one

    def attempt() -> tuple[int, Any]:
        before = _find(client, ref)
        if before is None:
            return 0, client.api.dataset_create_new(absolute, public=False, quiet=not terminal)
        response = client.api.dataset_create_version(absolute, notes, quiet=not terminal)
        return before.current_version_number, response

    number, response = client.call(f"upload dataset {ref}", attempt)
    # A refusal may come as a field of a good answer, without any exception.
    error, status = field(response, "error"), field(response, "status")
    if error or status.lower() != "ok":
        raise UserError(f"dataset {ref}: Kaggle did not take it: {error or status or 'no reason'}")
    return number


def _status(client: Client, ref: str) -> str | None:
    """The state of the newest version in Kaggle's words, or None where there is no dataset."""
    try:
        return client.call(f"look at {ref}", lambda: str(client.api.dataset_status(ref)))
    except RefusedError as error:
        if error.status in ABSENT:
            return None
        raise


def _look(client: Client, ref: str) -> Any:
    return client.call(f"look at {ref}", lambda: _find(client, ref))


def _find(client: Client, ref: str) -> Any:
    """Find the dataset; None where there is none."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")
    with client.api.build_kaggle_client() as kaggle:
        try:
            return kaggle.datasets.dataset_api_client.get_dataset(request)
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code in ABSENT:
                return None
            raise
