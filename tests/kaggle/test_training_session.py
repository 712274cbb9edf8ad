"""A training kernel's session: packs sent once, a kernel pushed once, its output held to it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import UserError
from pipeline.kaggle.accelerators import ACCELERATORS
from pipeline.kaggle.client import connect
from pipeline.kaggle.patience import Patience
from pipeline.kaggle.training import packs
from pipeline.kaggle.training.order import Order
from pipeline.kaggle.training.sending import send
from pipeline.kaggle.training.session import KernelSession
from tests.kaggle.conftest import _hosts
from tests.kaggle.project import Project
from tests.kaggle.stand_in.world import Body, Output, World

ORDER = Order(
    model="tiny",
    stages=["train@tiny-0"],
    at_once=False,
    platform="gpu",
    build="cuda",
    devices=2,
    minutes=510.0,
    packs={"project": {"file": "project.pack", "sha256": "0" * 64}},
)
REF = "alice/effective-arguments-train-tiny-0"


def report(**changes: Any) -> bytes:
    said = {
        "order": ORDER.digest,
        "stages": {"train@tiny-0": "stopped"},
        "said": {},
        "files": {"checkpoints.tar": {"bytes": 3, "sha256": sha256_of(b"tar")}},
        "seconds": 60.0,
    }
    return json.dumps(said | changes).encode()


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


Start = Callable[..., KernelSession]


@pytest.fixture
def session(project: Project, tmp_path: Path) -> Iterator[Start]:
    """A session on the stand-in, whose kernel leaves these files."""

    def start(**files: bytes) -> KernelSession:
        def run(_: World, __: Body) -> Output:
            return Output({name.replace("_", "."): data for name, data in files.items()}, "said\n")

        project.world.run_kernel = run
        return KernelSession(
            client=connect(pause=0.001, timeout=2.0),
            slug=REF.partition("/")[2],
            order=ORDER,
            datasets=[],
            accelerator=ACCELERATORS["gpu"],
            folder=tmp_path / "session",
            patience=Patience(0.005, 0.01, 0.0),
            tell=told.append,
        )

    told: list[str] = []
    yield start
    _hosts.discard("localhost")


def test_a_kernel_is_pushed_once_and_its_output_fetched(session: Start, project: Project):
    first = session(report_json=report(), checkpoints_tar=b"tar")
    assert first.run().stages == {"train@tiny-0": "stopped"}
    assert (first.output / "checkpoints.tar").read_bytes() == b"tar"
    (run,) = project.world.kernels[REF]
    assert run.request["machineShape"] == "NvidiaTeslaT4"
    assert run.request["enableGpu"] is True
    assert run.request["enableInternet"] is True
    assert run.request["isPrivate"] is True
    # The same order once more, as after a kill before its output was taken in.
    downloads = len(project.world.starts)
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert len(project.world.kernels[REF]) == 1
    # Of what is here already, only the report is fetched anew.
    assert len(project.world.starts) == downloads + 1


@pytest.mark.parametrize("status", [0, 504])
def test_a_push_whose_answer_got_lost_is_none_to_repeat(
    status: int, session: Start, project: Project
):
    project.world.fail("SaveKernel", status, done=True)
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert len(project.world.kernels[REF]) == 1


def test_a_push_that_no_journal_has_is_found(session: Start, project: Project):
    """As after a kill between the two."""
    first = session(report_json=report(), checkpoints_tar=b"tar")
    first.run()
    (first.folder / "journal.json").unlink()
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert len(project.world.kernels[REF]) == 1
    first.forget()
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert len(project.world.kernels[REF]) == 2


def test_what_left_nothing_is_pushed_anew(session: Start, project: Project):
    first = session()
    with pytest.raises(UserError, match=r"left no report.json; log in .*, its end: said"):
        first.run()
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert len(project.world.kernels[REF]) == 2


def test_another_order_s_run_is_to_be_taken_in_first(session: Start):
    """As after an edit, while a kernel trains."""
    first = session(report_json=report(), checkpoints_tar=b"tar")
    other = dataclasses.replace(first, order=dataclasses.replace(ORDER, minutes=60.0))
    assert other.earlier() is None
    first.run()
    assert first.earlier() is None
    found = other.earlier()
    assert found is not None
    assert found.order == ORDER
    assert found.run().stages == {"train@tiny-0": "stopped"}
    first.note_taken()
    assert other.earlier() is None


def test_what_an_order_needs_no_more_is_not_taken_in(session: Start):
    first = session(report_json=report(), checkpoints_tar=b"tar")
    first.run()
    first.forget()
    other = dataclasses.replace(first, order=dataclasses.replace(ORDER, minutes=60.0))
    assert other.earlier() is None


@pytest.mark.parametrize("text", ["", "ORDER: Final = 'x'\n", "ORDER: Final = '{}'\n"])
def test_a_kernel_of_someone_else_s_has_no_order(text: str):
    assert Order.of_script(text) is None


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"order": "f" * 64}, f"trained by another order, expected {ORDER.digest}, found f"),
        ({"stages": 3}, "not a kernel's report"),
        (
            {"files": {"checkpoints.tar": {"bytes": 3, "sha256": "0" * 64}}},
            f"checkpoints.tar: expected sha256 {'0' * 64}, found {sha256_of(b'tar')}",
        ),
    ],
    ids=["order", "report", "digest"],
)
def test_an_output_that_is_not_as_it_says_is_refused(
    changes: dict[str, Any], line: str, session: Start, project: Project
):
    made = session(report_json=report(**changes), checkpoints_tar=b"tar")
    with pytest.raises(UserError, match=line):
        made.run()
    assert not (made.output / "checkpoints.tar").exists()


def test_an_open_kernel_is_not_added_to(session: Start, project: Project):
    made = session(report_json=report(), checkpoints_tar=b"tar")
    made.run()
    project.world.kernels[REF][-1].request |= {"isPrivate": False, "text": "another"}
    (made.folder / "journal.json").unlink()
    with pytest.raises(UserError, match="Kaggle does not call it private"):
        made.run()
    assert len(project.world.kernels[REF]) == 1


def test_a_session_that_is_taken_is_waited_for(session: Start, project: Project):
    project.world.sessions_taken = 2
    session(report_json=report(), checkpoints_tar=b"tar").run()
    assert project.world.calls("SaveKernel") == 3


# What is sent.

DATASET = "alice/effective-arguments-project"
PATIENCE = Patience(0.005, 0.01, 0.0)


def _send(text: str) -> None:
    pack = packs.make("project", "alice", "", {"a.py": text}, Path("packs"))
    send(connect(pause=0.001, timeout=2.0), [pack], Path("datasets.json"), PATIENCE)


def test_what_is_the_same_is_sent_once(project: Project):
    _send("1")
    _send("1")
    (dataset,) = project.world.datasets.values()
    assert dataset.private
    assert [list(version) for version in dataset.versions] == [["project.pack"]]
    _send("2")
    assert len(dataset.versions) == 2
    # The first is not the current one any more.
    _send("1")
    assert len(dataset.versions) == 3


def test_a_dataset_that_others_see_is_not_added_to(project: Project):
    _send("1")
    project.world.datasets[DATASET].private = False
    with pytest.raises(UserError, match=r"dataset alice/\S+: .*does not call it private; nothing"):
        _send("2")
    assert len(project.world.datasets[DATASET].versions) == 1
