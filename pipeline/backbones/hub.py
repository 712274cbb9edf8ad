"""Backbones from the Hugging Face Hub: one commit, safetensors only."""

from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from pipeline.backbones.sources import CONFIG, TOKENIZER
from pipeline.encoders.weights.tensors import FILE, INDEX, shards
from pipeline.errors import UserError
from pipeline.refusals import refusal

_PULLS = 30  # the newest that are looked through, a request each


def download(name: str, revision: str, into: Path) -> str:
    """Bring the files of a backbone into a folder, through the Hub's own cache and client.

    Args:
      name: id of a repository.
      revision: branch, tag, `refs/pr/N` or commit.
      into: an empty folder; it gets links to the cached files.

    Returns:
      The commit that the revision stood for; every file is of this commit.

    Raises:
      UserError: no network, no such repository or revision, no access, or no safetensors.
    """
    try:
        return _download(name, revision, into)
    except Exception as error:
        if refused := refusal(error):
            raise refused from error
        reason = _reason(error)
        if reason is None:
            raise
        raise UserError(f"Hugging Face Hub: {name} at {revision!r}: {reason}") from None


def _download(name: str, revision: str, into: Path) -> str:
    info = HfApi().model_info(name, revision=revision)
    commit = str(info.sha)
    there = {sibling.rfilename for sibling in info.siblings or ()}

    # By the commit, not the revision: a branch may move between two files.
    def take(file: str) -> None:
        cached = hf_hub_download(name, file, revision=commit)
        (into / file).symlink_to(Path(cached).resolve())

    _check(there, name, revision)
    for file in (CONFIG, *TOKENIZER):
        if file in there:
            take(file)
    if FILE in there:
        take(FILE)
        return commit
    take(INDEX)
    for file in shards(into / INDEX):
        take(file)
    return commit


def _check(there: set[str], name: str, revision: str) -> None:
    """Check that a repository holds a config, a tokenizer and safetensors."""
    where = f"Hugging Face Hub: {name} at {revision!r}"
    if CONFIG not in there:
        raise UserError(f"{where}: no {CONFIG}, so it is no backbone")
    if not there & {FILE, INDEX}:
        pickled = sorted(n for n in there if n.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")))
        found = f"only a pickle ({pickled[0]}), which is never opened" if pickled else "no weights"
        raise UserError(f"{where}: expected {FILE}, found {found}; {_elsewhere(name)}")
    if not there & set(TOKENIZER):
        raise UserError(f"{where}: no tokenizer files; expected tokenizer.json or a vocabulary")


def _elsewhere(name: str) -> str:
    """Name pull requests with safetensors, newest first: many repositories have them only there."""
    api = HfApi()
    pulls = api.list_repo_refs(name, include_pull_requests=True).pull_requests or []
    newest = sorted(pulls, key=lambda pull: -int(pull.ref.rsplit("/", 1)[-1]))[:_PULLS]
    holding = [pull for pull in newest if _holds_weights(api, name, pull.target_commit)]
    if not holding:
        return f"no pull request of the repository holds {FILE} either"
    told = ", ".join(f"revision: {pull.target_commit} ({pull.ref})" for pull in holding)
    return f"these pull requests hold it: {told}"


def _holds_weights(api: HfApi, name: str, commit: str) -> bool:
    files = {sibling.rfilename for sibling in api.model_info(name, revision=commit).siblings or ()}
    return bool(files & {FILE, INDEX})


def _reason(error: Exception) -> str | None:
    """Say in a user's words what the client's error means; None for an error of the program."""
    if isinstance(error, LocalEntryNotFoundError) and isinstance(error.__cause__, Exception):
        return _reason(error.__cause__)  # the client wraps what went wrong in "not in the cache"
    told: dict[type[Exception], str] = {  # the first that fits; subclasses stand first
        GatedRepoError: "gated; accept its terms on the Hub and log in with `hf auth login`",
        RepositoryNotFoundError: "no such repository or folder, or no access",
        RevisionNotFoundError: "no such revision; expected a branch, tag, refs/pr/N or commit",
        LocalEntryNotFoundError: "the network went away, and the file is not in the local cache",
        EntryNotFoundError: "a file that the Hub lists is not there",
        OfflineModeIsEnabled: "HF_HUB_OFFLINE forbids downloads; unset it or name a local folder",
        HFValidationError: "expected the form owner/name",
    }
    for kind, text in told.items():
        if isinstance(error, kind):
            return text
    if isinstance(error, HfHubHTTPError):
        return f"the server said {_status(error)}"
    if type(error).__module__.split(".")[0].startswith("httpx") or isinstance(error, OSError):
        return f"cannot be reached ({' '.join(str(error).split()) or type(error).__name__})"
    return None


def _status(error: Any) -> str:
    response = getattr(error, "response", None)
    return f"HTTP {response.status_code}" if response is not None else str(error).splitlines()[0]
