"""The plan of a submission, for `--dry-run`: nothing is sent and nobody signs in."""

import hashlib
import json
from collections.abc import Iterator

from pipeline.kaggle.kernel_runs import CODE, kernel_metadata
from pipeline.kaggle.kernel_runs import METADATA as KERNEL_METADATA
from pipeline.kaggle.once import Provenance, source_of
from pipeline.kaggle.parcel import METADATA as DATASET_METADATA
from pipeline.kaggle.parcel import CheckedBundle, dataset_metadata, identity, names_and_sizes
from pipeline.kaggle.target import Target

OWNER = "OWNER"  # stands for the account, which only signing in tells


def lines(target: Target, bundle: CheckedBundle, script: str) -> Iterator[str]:
    """All that would be sent: files and sizes, both metadata files, the kernel's script by hash."""
    files, sent = list(names_and_sizes(bundle)), identity(bundle, script, target)
    yield f"would upload private dataset {target.dataset_ref}:"
    for name, size in files:
        yield f"  {size:>13,}  {name}"
    yield f"  {sum(size for _, size in files):>13,}  bytes in {len(files)} files"
    yield from _json(DATASET_METADATA, dataset_metadata(target, bundle))
    code = script.encode()
    yield f"would push private kernel {target.kernel_ref}, without internet:"
    yield f"  {len(code):>13,}  {CODE}  sha256 {hashlib.sha256(code).hexdigest()}"
    yield from _json(KERNEL_METADATA, kernel_metadata(target))
    yield (
        f"would submit the kernel's version to {target.competition} as: "
        f"{source_of(bundle).note(sent)}, kernel version N"
    )
    yield "nothing was sent"


def file_lines(
    competition: str, path: str, size: int, source: Provenance, digest: str
) -> list[str]:
    """List all that `--csv` would send."""
    return [
        f"would submit to {competition}:",
        f"  {size:>13,}  {path}  sha256 {digest}",
        f"as: {source.note(digest)}",
        "nothing was sent",
    ]


def _json(name: str, value: object) -> list[str]:
    """Write a file's name and its content, line by line."""
    return f"{name}: {json.dumps(value, indent=2, sort_keys=True)}".split("\n")
