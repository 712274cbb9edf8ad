"""Push a kernel, follow its log, and wait for its run."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pipeline.errors import UserError
from pipeline.files import atomic_folder, write_json
from pipeline.kaggle.client import Client, field
from pipeline.kaggle.kernel_output import fetch_log, label, tail
from pipeline.kaggle.patience import Patience, wait
from pipeline.kaggle.refusals import ABSENT, FailedError, RefusedError, perhaps_taken
from pipeline.kaggle.target import Target, title

CODE: Final = "kernel.py"
METADATA: Final = "kernel-metadata.json"
_SOURCES = ("dataset", "competition", "kernel", "model")
_SESSIONS_TAKEN = re.compile("maximum .*session count .*reached", re.IGNORECASE)
WAITING = ("queued", "new script")
UNDER_WAY = (*WAITING, "running")


def kernel_metadata(target: Target) -> dict[str, Any]:
    """Return the metadata of the kernel that predicts: a private one, without internet."""
    return metadata(
        target.kernel_ref,
        [target.dataset_ref],
        None if target.accelerator == "none" else target.accelerator,
    ) | {"docker_image": target.docker_image, "competition_sources": [target.competition]}


def metadata(
    ref: str, datasets: Sequence[str], shape: str | None, *, internet: bool = False
) -> dict[str, Any]:
    """Return the metadata that Kaggle's client reads: a private kernel.

    Args:
      ref: owner and slug.
      datasets: that it reads.
      shape: Kaggle's name of a machine with an accelerator, None for one without.
      internet: whether it reaches the network.
    """
    tpu = shape is not None and shape.startswith("Tpu")
    return {
        "id": ref,
        "title": title(ref.partition("/")[2]),
        "code_file": CODE,
        "language": "python",
        "kernel_type": "script",
        "is_private": True,
        "enable_gpu": shape is not None and not tpu,
        "enable_tpu": tpu,
        "enable_internet": internet,
        "machine_shape": shape,
        "docker_image": None,
        "dataset_sources": list(datasets),
        "competition_sources": [],
        "kernel_sources": [],
        "model_sources": [],
    }


def is_private(client: Client, ref: str) -> bool | None:
    """Tell whether Kaggle calls the kernel private; None where there is none with a version."""
    found = _look(client, ref)
    return found and found.metadata is not None and found.metadata.is_private is True


def newest(client: Client, ref: str) -> tuple[int, str] | None:
    """Return the number and the text of a kernel's newest version; None where there is none."""
    found = _look(client, ref)
    if found is None or found.metadata is None or found.blob is None:
        return None
    return int(found.metadata.current_version_number or 0), field(found.blob, "source")


def _look(client: Client, ref: str) -> Any:
    """Find a kernel's newest version; None where there is none."""
    try:
        return client.call(f"look at kernel {ref}", lambda: _get(client, ref))
    except RefusedError as error:
        if error.status in ABSENT:
            return None
        raise


def push(
    client: Client,
    described: Mapping[str, Any],
    script: str,
    folder: Path,
    patience: Patience,
    there: Callable[[], int | None] = lambda: None,
) -> int:
    """Push the kernel, which starts it, and check that it got all that it reads.

    Where all of the account's sessions are taken, it is pushed again until one is free.

    Args:
      client: signed in.
      described: its metadata, as Kaggle's client reads it.
      script: its text.
      folder: is made anew with what is pushed.
      patience: for a free session.
      there: finds the version that a push has made whose answer got lost.

    Returns:
      The number of the version.

    Raises:
      FailedError: Kaggle runs it without one of its sources.
      UserError: Kaggle refuses it.
    """
    ref = str(described["id"])
    with atomic_folder(folder) as temporary:
        (temporary / CODE).write_text(script, encoding="utf-8")
        write_json(temporary / METADATA, described)

    lost = False

    def attempt() -> Any:
        nonlocal lost
        if lost and (version := there()) is not None:
            return version
        try:
            return client.ask(lambda: client.api.kernels_push(str(folder)))
        except (OSError, ValueError) as error:
            lost = lost or perhaps_taken(error)
            raise

    def look() -> tuple[str, Any]:
        try:
            response = client.insist(f"push kernel {ref}", attempt)
        except RefusedError as error:
            if not _SESSIONS_TAKEN.search(error.message):
                raise
            return _waiting(error.message), None
        said = field(response, "error")
        return (_waiting(said), None) if _SESSIONS_TAKEN.search(said) else ("pushed", response)

    response = wait(f"kernel {ref}", look, patience, offline=False)
    if isinstance(response, int):
        return response
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
                f"{', '.join(invalid)} and runs the kernel without it"
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
        if status in UNDER_WAY:
            return status, None
        if status != "complete":
            try:
                end = tail(fetch_log(client, ref, version, folder))
            except UserError as error:
                end = str(error)
            reason = field(answer, "failure_message") or "no reason given"
            raise FailedError(
                f"kernel {ref} version {version}: ended with {status!r}: {reason}; log in "
                f"{folder}, its end: {end}"
            )
        return status, True

    wait(f"kernel {ref} version {version}", look, patience)


def status(client: Client, ref: str, version: int) -> str:
    """Return the state of a version's run in Kaggle's words."""
    answer = client.call(f"look at kernel {ref}", lambda: _status(client, ref, version))
    return answer.status.name.lower().replace("_", " ")


def log_events(client: Client, ref: str, version: int) -> Iterator[str]:
    """Yield the text of a run's log from its beginning, live while it runs.

    Raises:
      OSError, ValueError: there is none yet, or the connection broke off.
    """
    for event in client.api.kernels_logs_stream(f"{ref}/{version}"):
        yield str(event.get("data", ""))


# The client's own methods for these take a refused token for a wrong name.


def _status(client: Client, ref: str, version: int) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

    request = ApiGetKernelSessionStatusRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    request.version_label = label(version)
    with client.api.build_kaggle_client() as kaggle:
        return kaggle.kernels.kernels_api_client.get_kernel_session_status(request)


def _get(client: Client, ref: str) -> Any:
    from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

    request = ApiGetKernelRequest()
    request.user_name, request.kernel_slug = ref.split("/")
    with client.api.build_kaggle_client() as kaggle:
        return kaggle.kernels.kernels_api_client.get_kernel(request)
