"""The account's private dataset: a new one or its next version, and waiting until it is ready."""

import sys
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests

from pipeline.delivery.kaggle.client import Client, field
from pipeline.delivery.kaggle.patience import Patience, wait
from pipeline.delivery.kaggle.refusals import FailedError, RefusedError
from pipeline.errors import UserError

_ABSENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)  # Kaggle answers either


def publish(client: Client, ref: str, folder: Path, notes: str) -> int:
    """Upload a folder as the dataset's first or next version.

    A version that was made by a request whose answer got lost does no harm: the next one
    replaces it.

    Args:
      client: signed in.
      ref: owner and slug.
      folder: flat files and dataset-metadata.json.
      notes: what the version is.

    Returns:
      The number of the version.

    Raises:
      UserError: Kaggle refuses it, or the upload breaks off for good.
    """
    terminal = sys.stderr.isatty()  # the client's bars are for one

    def attempt() -> tuple[int, Any]:
        before = _find(client, ref)
        if before is None:
            return 1, client.api.dataset_create_new(str(folder), public=False, quiet=not terminal)
        number = before.current_version_number + 1
        return number, client.api.dataset_create_version(str(folder), notes, quiet=not terminal)

    version, response = client.call(f"upload dataset {ref}", attempt)
    error, status = field(response, "error"), field(response, "status")
    if error or status.lower() != "ok":
        raise UserError(f"dataset {ref}: Kaggle did not take it: {error or status or 'no reason'}")
    return version


def wait_until_ready(client: Client, ref: str, version: int, patience: Patience) -> None:
    """Wait until a version is the current one and unpacked.

    Raises:
      FailedError: Kaggle fails to process it.
      UserError: it takes too long.
    """

    def look() -> tuple[str, bool | None]:
        try:
            status = client.call(f"look at {ref}", lambda: str(client.api.dataset_status(ref)))
            current = client.call(f"look at {ref}", lambda: _find(client, ref))
        except RefusedError as error:
            if error.status in _ABSENT:  # a new dataset is not found for some seconds
                return "not there yet", None
            raise
        if status in ("failed", "deleted"):
            raise FailedError(
                f"dataset {ref}: processing ended with {status!r}; its page says why: "
                f"https://www.kaggle.com/datasets/{ref}"
            )
        number = current.current_version_number if current else 0
        if number < version:
            return f"version {number} is still the current one", None
        return status.replace("_", " "), True if status == "ready" else None

    wait(f"dataset {ref} version {version}", look, patience)


def _find(client: Client, ref: str) -> Any:
    """The dataset, or None."""
    from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetRequest

    request = ApiGetDatasetRequest()
    request.owner_slug, request.dataset_slug = ref.split("/")
    with client.api.build_kaggle_client() as kaggle:
        try:
            return kaggle.datasets.dataset_api_client.get_dataset(request)
        except requests.HTTPError as error:
            if error.response is not None and error.response.status_code in _ABSENT:
                return None
            raise
