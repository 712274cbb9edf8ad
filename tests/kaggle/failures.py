"""How failures come about: what the cases of `make data` and `make submit` are made of."""

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.kaggle import ledger, unpack
from tests.kaggle.archives import archive
from tests.kaggle.project import COMPETITION, SCRIPT, Project, manifest_text, submission_text
from tests.kaggle.stand_in import services
from tests.kaggle.stand_in.world import (
    Body,
    Dataset,
    Output,
    Run,
    Submission,
    World,
    uniform,
)

DATASET = "alice/effective-arguments-bundle"
KERNEL = "alice/effective-arguments-inference"
TOKENS = (
    "make a token at https://www.kaggle.com/settings/api and save it to ~/.kaggle/access_token, "
    "or set KAGGLE_API_TOKEN"
)
AGAIN = "run the same command again: it goes on from here"
REMOVE = (
    "remove it and run the same command again: what was under way starts over, and what was "
    "submitted is looked for in submissions.jsonl and on Kaggle first"
)
SHA256 = sha256(manifest_text().encode()).hexdigest()
"""Of the bundle's manifest."""
SENT = sha256(
    json.dumps(
        {"accelerator": "none", "files": json.loads(manifest_text())["files"], "script": SCRIPT},
        sort_keys=True,
    ).encode()
).hexdigest()
"""Of the bundle's files, the script, and the devices that it runs on."""
MD5 = md5(submission_text().encode()).hexdigest()
"""Of submission.csv."""
DOWNLOAD = f"could not download the data of {COMPETITION}"


@dataclass(frozen=True)
class Case:
    """A failure: what it is, how it comes about, and the line; `options` beside the usual."""

    what: str
    arrange: Callable[[Project], Any]
    line: str
    options: tuple[str, ...] = ()


def no_credentials(p: Project) -> None:
    p.monkeypatch.delenv("KAGGLE_API_TOKEN")


def expired(p: Project) -> None:
    p.world.token_expired = True


def wrong_key(p: Project) -> None:
    no_credentials(p)
    p.monkeypatch.setenv("KAGGLE_USERNAME", "alice")
    p.monkeypatch.setenv("KAGGLE_KEY", "an-old-key")


def no_network(p: Project) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        p.monkeypatch.setenv(name, "http://127.0.0.1:9")  # the port of discard: nobody listens


def rules(p: Project) -> None:
    p.world.competitions[COMPETITION].rules_accepted = False


def little_room(p: Project) -> None:
    usage = shutil.disk_usage(p.folder)._replace(free=100)
    p.monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def full_device(p: Project) -> None:
    """The kernel itself says that no room is left."""
    paths.DOWNLOADS.mkdir(parents=True)
    (paths.DOWNLOADS / f"{COMPETITION}.zip").symlink_to("/dev/full")


def full_while_unpacking(p: Project) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    p.monkeypatch.setattr(shutil, "copyfileobj", fail)


def serves(data: bytes) -> Callable[[Project], None]:
    def arrange(p: Project) -> None:
        p.world.competitions[COMPETITION].archive = data

    return arrange


def bomb(p: Project) -> None:
    serves(archive({"train.csv": bytes(10_000)}))(p)
    p.monkeypatch.setattr(unpack, "LARGEST", 9_999)


def bad_label(p: Project) -> None:
    files = p.world.competitions[COMPETITION].files
    files["train.csv"] = files["train.csv"].replace(b"Ineffective", b"Hopeless")


def fails(method: str, status: int, message: str = "", times: int = 99) -> Callable[..., None]:
    return lambda p: p.world.fail(method, status, message, times)


def sets(**values: Any) -> Callable[[Project], None]:
    return lambda p: vars(p.world).update(values)


def tampered(_: Project) -> None:
    Path("bundle/models/tiny/config.json").write_text("{} ")


def linked(p: Project) -> None:
    (p.home / "private").mkdir()
    (p.home / "private/token.txt").write_text("mine")
    Path("bundle/extra").symlink_to(p.home / "private")


def outside(_: Project) -> None:
    """The manifest names a file beside the bundle, with its hash."""
    facts = {"sha256": sha256(SCRIPT.encode()).hexdigest(), "bytes": len(SCRIPT)}
    manifest = json.loads(manifest_text())
    manifest["files"]["../kernel.py"] = facts
    Path("bundle/manifest.json").write_text(json.dumps(manifest))


def writes(text: str | None) -> Callable[[Project], None]:
    files = {} if text is None else {"submission.csv": text.encode()}
    log = "one\ntwo\nthree\nerror: no essays\n"
    return sets(run_kernel=lambda *_: Output(files, log))


def logs(text: str) -> Callable[[Project], None]:
    """A kernel that writes a good submission and this log."""

    def run(world: World, request: Body) -> Output:
        return Output(uniform(world, request).files, text)

    return sets(run_kernel=run)


def forecasts(**values: Any) -> Callable[[Project], None]:
    """A kernel that would take that long on the hidden test."""
    return lambda p: p.world.forecast.update(values)


def forgets(name: str) -> Callable[[Project], None]:
    """A kernel that leaves all but one of its files."""

    def run(world: World, request: Body) -> Output:
        made = uniform(world, request)
        return Output({one: data for one, data in made.files.items() if one != name}, made.log)

    return sets(run_kernel=run)


def interrupts(p: Project, method: str, answered: bool) -> None:
    """Raise KeyboardInterrupt in the client at the first call of a method."""
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    real, left = KaggleHttpClient.call, [1]

    def call(self: KaggleHttpClient, service: str, name: str, *rest: Any) -> Any:
        if name != method or not left:
            return real(self, service, name, *rest)
        if answered:
            real(self, service, name, *rest)
        left.pop()
        raise KeyboardInterrupt

    p.monkeypatch.setattr(KaggleHttpClient, "call", call)


def dataset_vanishes(p: Project) -> None:
    """Somebody removes it between its upload and the kernel's push."""

    class Gone(dict[str, Any]):
        def __contains__(self, _: object) -> bool:
            return False

    p.world.datasets = Gone()


def has_dataset(p: Project, private: bool = True) -> None:
    """A version that was made by hand, and processed."""
    made = Dataset("Effective arguments bundle", private, [{}], ["by hand"], looks=9)
    p.world.datasets[DATASET] = made


def has_kernel(p: Project, **request: Any) -> None:
    """A version that was pushed by hand."""
    p.world.kernels[KERNEL] = [Run({"slug": KERNEL, **request})]


def replaced(p: Project) -> None:
    """Somebody makes a version just after this one."""
    has_dataset(p)
    create = services.METHODS["CreateDatasetVersion"]

    def twice(world: World, body: Body, base: str) -> Body | str:
        answer = create(world, body, base)
        world.datasets[DATASET].versions.append({})
        world.datasets[DATASET].notes.append("by hand")
        return answer

    p.monkeypatch.setitem(services.METHODS, "CreateDatasetVersion", twice)


def in_the_ledger(_: Project) -> None:
    line = ledger.Line(
        "2026-11-01T10:00:00+00:00", None, "aa", "bb", None, 0.6712, 0.5801, None, 7,
        COMPETITION, SENT,
    )  # fmt: skip
    ledger.add(paths.LEDGER, line)


def on_the_list(p: Project) -> None:
    made = Submission(7, COMPETITION, f"minilm-cpu, sha256 {SENT[:16]}", "submission.csv")
    p.world.submissions.append(made)


def broken_journal(text: str) -> Callable[[Project], None]:
    def arrange(_: Project) -> None:
        paths.SUBMIT.mkdir(parents=True)
        (paths.SUBMIT / "journal.json").write_text(text)

    return arrange


def another(_: Project) -> None:
    import fcntl

    paths.SUBMIT.mkdir(parents=True)
    stream = (paths.SUBMIT / "lock").open("a")
    fcntl.flock(stream, fcntl.LOCK_EX)
    _held.append(stream)


_held: list[Any] = []  # an open file holds its lock


SIGN_IN = [
    Case("no credentials", no_credentials, f"no Kaggle credentials: {TOKENS}"),
    Case(
        "expired token",
        expired,
        f"the access token of KAGGLE_API_TOKEN has expired or was revoked: {TOKENS}",
    ),
    Case(
        "no network",
        no_network,
        "could not sign in to Kaggle: no connection to Kaggle, or it broke off; check the network "
        f"and any proxy, then {AGAIN}",
    ),
]
