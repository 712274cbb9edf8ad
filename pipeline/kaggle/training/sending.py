"""Send packs: each is the current version of its private dataset, and none is sent twice."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.kaggle import datasets, ledger
from pipeline.kaggle.client import Client
from pipeline.kaggle.journal import Journal
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.refusals import FailedError, not_private
from pipeline.kaggle.training.packs import Pack
from pipeline.progress import say


def send(client: Client, packs: Iterable[Pack], notes: Path, patience: Patience) -> None:
    """Upload what isn't there, and wait until all of it is ready.

    Args:
      client: signed in.
      packs: to be read by kernels.
      notes: the journal of all that was sent.
      patience: the pace of waits.

    Raises:
      UserError: Kaggle refuses it, or a dataset of this name isn't private.
    """
    by_ref = {f"{client.owner}/{pack.slug}": pack for pack in packs}
    for ref in by_ref:
        if datasets.is_private(client, ref) is False:
            raise not_private("dataset", ref)
    for ref, pack in by_ref.items():
        journal = Journal(notes, {"dataset": ref, "sha256": pack.digest})
        ready = journal.get("ready")
        if ready and datasets.current_version(client, ref) == ready["version"]:
            say(f"dataset {ref}: unchanged, version {ready['version']}")
            continue
        _renew(client, ref, pack, journal, patience)


def _renew(client: Client, ref: str, pack: Pack, journal: Journal, patience: Patience) -> None:
    patience = replace(patience, hours=min(patience.hours, datasets.HOURS))
    done = journal.get("dataset")
    # What was current and no longer is has to be sent anew.
    if done is None or journal.get("ready"):
        journal.forget("ready")
        say(f"dataset {ref}: uploading {pack.path.stat().st_size / 1e6:,.1f} MB")
        notes = f"sha256 {pack.digest}"
        before = datasets.publish(client, ref, pack.folder, notes, patience)
        done = {"notes": notes, "before": before, "time": ledger.now()}
        journal.note("dataset", **done)
    try:
        version = datasets.wait_until_ready(client, ref, done["notes"], done["before"], patience)
    except FailedError:
        journal.forget("dataset")
        raise
    journal.note("ready", version=version, time=ledger.now())
