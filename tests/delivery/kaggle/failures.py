"""Every failure that is tried, and the one line that the user sees: docs/submitting.md has them."""

import errno
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.delivery.kaggle import unpack
from tests.delivery.kaggle.archives import archive, link
from tests.delivery.kaggle.project import COMPETITION, Project, write_bundle, write_results
from tests.delivery.kaggle.stand_in.world import Output

DATASET = "alice/effective-arguments-bundle"
KERNEL = "alice/effective-arguments-inference"
TOKENS = (
    "make a token at https://www.kaggle.com/settings/api and save it to ~/.kaggle/access_token, "
    "or set KAGGLE_API_TOKEN"
)
AGAIN = "run the same command again: it goes on from here"
DOWNLOAD = f"could not download the data of {COMPETITION}"


@dataclass(frozen=True)
class Case:
    """A failure: what it is, how it comes about, and the line; `options` beside the usual."""

    what: str
    arrange: Callable[[Project], Any]
    line: str
    options: tuple[str, ...] = ()


def _no_credentials(p: Project) -> None:
    p.monkeypatch.delenv("KAGGLE_API_TOKEN")


def _expired(p: Project) -> None:
    p.world.token_expired = True


def _wrong_key(p: Project) -> None:
    _no_credentials(p)
    p.monkeypatch.setenv("KAGGLE_USERNAME", "alice")
    p.monkeypatch.setenv("KAGGLE_KEY", "an-old-key")


def _no_network(p: Project) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        p.monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port of discard: nobody listens


def _rules(p: Project) -> None:
    p.world.competitions[COMPETITION].rules_accepted = False


def _little_room(p: Project) -> None:
    usage = shutil.disk_usage(p.folder)._replace(free=100)
    p.monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def _full_device(p: Project) -> None:
    """The kernel itself says that no room is left."""
    paths.DOWNLOADS.mkdir(parents=True)
    (paths.DOWNLOADS / f"{COMPETITION}.zip").symlink_to("/dev/full")


def _full_while_unpacking(p: Project) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    p.monkeypatch.setattr(shutil, "copyfileobj", fail)


def _serves(data: bytes) -> Callable[[Project], None]:
    def arrange(p: Project) -> None:
        p.world.competitions[COMPETITION].archive = data

    return arrange


def _bomb(p: Project) -> None:
    _serves(archive({"train.csv": bytes(10_000)}))(p)
    p.monkeypatch.setattr(unpack, "LARGEST", 9_999)


def _bad_label(p: Project) -> None:
    files = p.world.competitions[COMPETITION].files
    files["train.csv"] = files["train.csv"].replace(b"Ineffective", b"Hopeless")


def _fails(method: str, status: int, message: str = "", times: int = 99) -> Callable[..., None]:
    return lambda p: p.world.fail(method, status, message, times)


def _set(**values: Any) -> Callable[[Project], None]:
    return lambda p: vars(p.world).update(values)


def _tampered(_: Project) -> None:
    Path("bundle/models/tiny/config.json").write_text("{} ")


def _writes(text: str | None) -> Callable[[Project], None]:
    files = {} if text is None else {"submission.csv": text.encode()}
    log = "one\ntwo\nthree\nerror: no essays\n"
    return _set(run_kernel=lambda *_: Output(files, log))


def _dataset_vanishes(p: Project) -> None:
    """Somebody removes it between its upload and the kernel's push."""

    class Gone(dict[str, Any]):
        def __contains__(self, _: object) -> bool:
            return False

    p.world.datasets = Gone()


def _another(_: Project) -> None:
    import fcntl

    paths.SUBMIT.mkdir(parents=True)
    stream = (paths.SUBMIT / "lock").open("a")
    fcntl.flock(stream, fcntl.LOCK_EX)
    _held.append(stream)


_held: list[Any] = []  # an open file holds its lock


HEAD = "discourse_id,Ineffective,Adequate,Effective\n"
SIGN_IN = [
    Case("no credentials", _no_credentials, f"no Kaggle credentials: {TOKENS}"),
    Case(
        "expired token",
        _expired,
        f"the access token of KAGGLE_API_TOKEN has expired or was revoked: {TOKENS}",
    ),
    Case(
        "no network",
        _no_network,
        "could not sign in to Kaggle: no connection to Kaggle, or it broke off; check the network "
        f"and any proxy, then {AGAIN}",
    ),
]
DATA = [
    *SIGN_IN,
    Case(
        "key that Kaggle does not know",
        _wrong_key,
        f"{DOWNLOAD}: Kaggle does not accept the credentials (Unauthenticated): {TOKENS}",
    ),
    Case(
        "rules not accepted",
        _rules,
        f"{DOWNLOAD}: the competition's rules are not accepted; accept them at "
        f"https://www.kaggle.com/competitions/{COMPETITION}/rules, then {AGAIN}",
    ),
    Case(
        "mistyped competition",
        lambda _: None,
        "could not download the data of feedback-price: Kaggle knows no competition "
        "'feedback-price' that this account may enter (Permission 'competitions.participate' was "
        "denied); check the name",
        ("--competition", "feedback-price"),
    ),
    Case(
        "half a download, each time",
        _fails("GET", 0),
        f"{DOWNLOAD}: no connection to Kaggle, or it broke off; check the network and any proxy, "
        f"then {AGAIN}",
    ),
    Case(
        "429, each time",
        _fails("DownloadDataFiles", 429, "Too Many Requests"),
        f"{DOWNLOAD}: Kaggle answered 429 (Too Many Requests) each time; later, {AGAIN}",
    ),
    Case(
        "500, each time",
        _fails("DownloadDataFiles", 500, "Internal Server Error"),
        f"{DOWNLOAD}: Kaggle answered 500 (Internal Server Error) each time; later, {AGAIN}",
    ),
    Case(
        "too little room for the archive",
        _little_room,
        f".cache/kaggle/{COMPETITION}.zip: disk full: 0 MB are needed, 0 MB are free; make room, "
        f"then {AGAIN}",
    ),
    Case(
        "disk that fills up",
        _full_device,
        f"{DOWNLOAD}: disk full; make room, then {AGAIN}",
    ),
    Case(
        "disk that fills up while unpacking",
        _full_while_unpacking,
        f"data: disk full; make room, then {AGAIN}",
    ),
    Case(
        "archive that is none",
        _serves(b"<html>maintenance</html>"),
        f".cache/kaggle/{COMPETITION}.zip: no whole zip file (File is not a zip file); remove it "
        "and run the same command again",
    ),
    Case(
        "path that leads out of the archive",
        _serves(archive({"train.csv": b"", "../../.bashrc": b""})),
        f".cache/kaggle/{COMPETITION}.zip: '../../.bashrc': a path that leads out of the folder; "
        "nothing was unpacked",
    ),
    Case(
        "link in the archive",
        _serves(link("train", "/etc")),
        f".cache/kaggle/{COMPETITION}.zip: 'train': a link or device, expected files and folders; "
        "nothing was unpacked",
    ),
    Case(
        "archive that grows too large",
        _bomb,
        f".cache/kaggle/{COMPETITION}.zip: would unpack to 10,000 bytes in 1 files, expected at "
        "most 9,999 in 200,000; nothing was unpacked",
    ),
    Case(
        "data that is not the competition's",
        _bad_label,
        "data/raw/train.csv: row 3 (discourse_id t3): column 'discourse_effectiveness': found "
        "'Hopeless', expected one of Ineffective, Adequate, Effective (as Kaggle has it; nothing "
        "was kept)",
    ),
    Case(
        "folder that is not the project's",
        lambda _: Path(".dvc").rmdir(),
        ".dvc: not found; run from the root of the project",
    ),
]
SUBMIT = [
    *SIGN_IN,
    Case(
        "nothing to submit",
        lambda _: paths.metrics("ensemble").unlink(),
        "metrics/ensemble.json: not found; run make submission",
    ),
    Case(
        "partial result",
        lambda p: write_results(p.folder, partial=True),
        "metrics/ensemble.json: partial, not over every fold, and so not to be submitted; put "
        "every fold of the split into folds of params.yaml and run make submission",
    ),
    Case(
        "bundle that was changed",
        _tampered,
        "bundle/models/tiny/config.json: not as manifest.json has it; make the bundle again",
    ),
    Case(
        "bundle of another format",
        lambda _: write_bundle(Path("bundle"), format=2),
        "bundle/manifest.json: format: found 2, expected 1",
    ),
    Case(
        "name that Kaggle would not take",
        lambda _: None,
        "--dataset: found 'Mine', expected 6 to 50 small letters, digits and single hyphens",
        ("--dataset", "Mine"),
    ),
    Case(
        "another submission under way",
        _another,
        "artifacts/submit: another submission is under way; wait for it",
    ),
    Case(
        "upload that the storage refuses",
        _fails("PUT manifest.json", 500),
        f"could not upload dataset {DATASET}: the storage did not take manifest.json; later, "
        f"{AGAIN}",
    ),
    Case(
        "error field of a dataset (exit status 0 of Kaggle's own command)",
        _set(dataset_error="The requested title is already in use by a dataset."),
        f"dataset {DATASET}: Kaggle did not take it: The requested title is already in use by a "
        "dataset.",
    ),
    Case(
        "dataset that fails to process",
        _set(dataset_status="FAILED"),
        f"dataset {DATASET}: processing ended with 'failed'; its page says why: "
        f"https://www.kaggle.com/datasets/{DATASET}",
    ),
    Case(
        "dataset whose processing never ends",
        _set(never_done={"dataset"}),
        f"dataset {DATASET} version 1: still blobs received after 1e-05 h; to wait on, {AGAIN}",
        ("--hours", "1e-5"),
    ),
    Case(
        "error field of a kernel (exit status 0 of Kaggle's own command)",
        _set(kernel_error="Maximum batch CPU session count of 5 reached."),
        f"kernel {KERNEL}: Kaggle did not take it: Maximum batch CPU session count of 5 reached.",
    ),
    Case(
        "invalid dataset source (a warning of Kaggle's own command)",
        lambda p: _dataset_vanishes(p),
        f"kernel {KERNEL} version 1: Kaggle did not accept the dataset {DATASET} and runs the "
        "kernel without it; not submitted",
    ),
    Case(
        "invalid competition source",
        lambda _: None,
        f"kernel {KERNEL} version 1: Kaggle did not accept the competition feedback-price and runs "
        "the kernel without it; not submitted",
        ("--competition", "feedback-price"),
    ),
    Case(
        "kernel that fails",
        lambda p: (
            _writes(None)(p),
            _set(kernel_status="ERROR", kernel_failure="Your notebook exceeded the time limit")(p),
        ),
        f"kernel {KERNEL} version 1: ended with 'error': Your notebook exceeded the time limit; "
        "log in artifacts/submit/output, its end: two / three / error: no essays",
    ),
    Case(
        "kernel that is cancelled",
        _set(kernel_status="CANCEL_ACKNOWLEDGED"),
        f"kernel {KERNEL} version 1: ended with 'cancel acknowledged': no reason given; log in "
        "artifacts/submit/output, its end: wrote submission.csv",
    ),
    Case(
        "kernel that never ends",
        _set(never_done={"kernel"}),
        f"kernel {KERNEL} version 1: still running after 3e-05 h; to wait on, {AGAIN}",
        ("--hours", "3e-5"),
    ),
    Case(
        "kernel that writes no submission",
        _writes(None),
        f"kernel {KERNEL} version 1: wrote no submission.csv; log in artifacts/submit/output, its "
        "end: two / three / error: no essays",
    ),
    Case(
        "output without an id of the visible sample",
        _writes(f"{HEAD}u2,0.2,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id: "
        "expected sample_submission's ids in its order; not submitted",
    ),
    Case(
        "output that is not finite",
        _writes(f"{HEAD}u2,0.2,0.5,0.3\nu1,nan,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id 'u1': "
        "expected finite probabilities, found nan, 0.5, 0.3 (1 such rows); not submitted",
    ),
    Case(
        "output whose rows do not sum to one",
        _writes(f"{HEAD}u2,0.2,0.5,0.3\nu1,0.5,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id 'u1': "
        "expected a row that sums to 1, found 0.5, 0.5, 0.3 (1 such rows); not submitted",
    ),
    Case(
        "token that expires on the way",
        lambda p: p.world.fail("GetKernelSessionStatus", 401, "Unauthenticated", 99),
        f"could not look at kernel {KERNEL}: Kaggle does not accept the credentials "
        f"(Unauthenticated): {TOKENS}",
    ),
    Case(
        "finished kernel that Kaggle can't submit, three versions in turn",
        _set(unsubmittable={1, 2, 3}),
        f"kernel {KERNEL} version 3 has run, but Kaggle can't submit it (Could not find provided "
        "notebook), nor 2 versions before it",
    ),
    Case(
        "no submission left today",
        _set(submissions_left=0),
        f"could not submit to {COMPETITION}: Kaggle answered 400: You have reached your submission "
        f"limit for today; tomorrow, {AGAIN}",
    ),
    Case(
        "rules not accepted",
        _rules,
        f"could not submit to {COMPETITION}: the competition's rules are not accepted; accept them "
        f"at https://www.kaggle.com/competitions/{COMPETITION}/rules, then {AGAIN}",
    ),
    Case(
        "submission that fails when it is scored",
        _set(submission_error="Submission Scoring Error"),
        "submission 1000: Kaggle did not score it: Submission Scoring Error; --again makes another "
        "one",
    ),
    Case(
        "submission that is never scored",
        _set(never_done={"submission"}),
        f"submission 1000: still pending after 3e-05 h; to wait on, {AGAIN}",
        ("--hours", "3e-5"),
    ),
    Case(
        "429, each time",
        _fails("SaveKernel", 429, "Too Many Requests"),
        f"could not push kernel {KERNEL}: Kaggle answered 429 (Too Many Requests) each time; "
        f"later, {AGAIN}",
    ),
    Case(
        "500, each time",
        _fails("CreateCodeSubmission", 500, "Internal Server Error"),
        f"could not submit to {COMPETITION}: Kaggle answered 500 (Internal Server Error) each "
        f"time; later, {AGAIN}",
    ),
    Case(
        "connection that is cut, each time",
        _fails("CreateDataset", 0),
        f"could not upload dataset {DATASET}: no connection to Kaggle, or it broke off; check the "
        f"network and any proxy, then {AGAIN}",
    ),
    Case(
        "--csv where notebooks are asked for",
        lambda _: None,
        f"could not submit to {COMPETITION}: Kaggle answered 400: Submission not allowed: This "
        "competition only accepts Submissions from Notebooks; leave out --csv",
        ("--csv",),
    ),
    Case(
        "--csv upload that the storage refuses",
        _fails("PUT", 500),
        "could not submit to takes-files: Kaggle did not take it: Could not submit to competition",
        ("--csv", "--competition", "takes-files"),
    ),
]
