"""A version is submitted only if it ran on the bundle that was sent, and on what was asked for."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from commands import submit
from pipeline.bundle import kernel
from pipeline.bundle.infer import devices_line
from pipeline.devices import Backend
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, KERNEL, logs, replaced, sets
from tests.kaggle.project import OTHER, QUICK, Project, write_bundle
from tests.kaggle.stand_in import services
from tests.kaggle.stand_in.world import Body, Output, World, uniform

T4 = (*QUICK, "--accelerator", "NvidiaTeslaT4")


def digest() -> str:
    return hashlib.sha256(Path("bundle/manifest.json").read_bytes()).hexdigest()


def line() -> str:
    return f"manifest sha256 {digest()}\n"


CREATE = services.METHODS["CreateDatasetVersion"]
OLDER = f"manifest sha256 {'9' * 64}\n"


@pytest.mark.parametrize(
    ("before", "own", "after", "found"),
    [
        ("", False, "", "no such line"),
        (OLDER, False, "", OLDER.strip()),
        (OLDER, True, "", "2 different lines"),
        ("", True, OLDER, "2 different lines"),
        ("it is not manifest sha256 0\n", False, "", "no such line"),
    ],
)
def test_the_log_has_to_name_the_manifest(
    before: str, own: bool, after: str, found: str, project: Project, command: Command
):
    text = f"{before}{line() if own else ''}{after}bundle x: commit 0123, lock {'a' * 64}\n"
    logs(text)(project)
    done = command(submit.main, *QUICK)
    assert done.error == (
        f"error: kernel {KERNEL} version 1: expected the line 'manifest sha256 {digest()}' in its "
        f"log (artifacts/submit/output/kernel.log), found {found!r}; not submitted"
    ).replace("'no such line'", "no such line").replace("'2 different lines'", "2 different lines")
    assert project.world.submissions == []


def test_the_same_line_twice_is_one(project: Project, command: Command):
    logs(line() + line())(project)
    assert command(submit.main, *QUICK).status == 0


def test_a_bundle_of_the_same_commit_and_lock_is_another(project: Project, command: Command):
    """It was replaced between its upload and the kernel's run."""

    def replaced(world: World, request: Body) -> Output:
        write_bundle(project.home / "other", OTHER)
        data = (project.home / "other/manifest.json").read_bytes()
        world.datasets[DATASET].versions.append({"manifest.json": data})
        world.datasets[DATASET].notes.append("by hand")
        return uniform(world, request)

    project.world.run_kernel = replaced
    assert "not submitted" in command(submit.main, *QUICK).error
    assert project.world.submissions == []
    project.world.run_kernel = uniform
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.datasets[DATASET].versions) == 3  # sent again
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/2"]


def test_the_kernel_prints_the_line(tmp_path: Path):
    bundle = write_bundle(tmp_path / "input/datasets/me/bundle")
    competition = tmp_path / "input/competition"
    competition.mkdir()
    for table in ("test.csv", "sample_submission.csv"):
        (competition / table).touch()
    command = [sys.executable, "-I", kernel.__file__]
    arguments = ["--input", str(tmp_path / "input"), "--output", str(tmp_path)]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)
    said = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
    assert f"manifest sha256 {said}" in done.stdout.splitlines()


@pytest.mark.parametrize("listed", [True, False])
def test_the_version_s_number_is_the_service_s(listed: bool, project: Project, command: Command):
    """Somebody's version comes between the look at the dataset and the upload."""
    command(submit.main, *QUICK)
    project.world.lists_versions = listed

    def create(world: World, body: Body, base: str) -> Body | str:
        world.datasets[DATASET].versions.append({"manifest.json": b"{}"})
        world.datasets[DATASET].notes.append("by hand")
        return CREATE(world, body, base)

    project.monkeypatch.setitem(services.METHODS, "CreateDatasetVersion", create)
    done = command(submit.main, *QUICK, "--again")
    assert (done.status, done.error) == (0, "")
    entry = next(iter(json.loads(Path("artifacts/submit/journal.json").read_text()).values()))
    assert entry["ready"]["version"] == 3


def test_a_version_that_another_replaced_is_sent_again(project: Project, command: Command):
    replaced(project)
    assert "version 3 has replaced version 2" in command(submit.main, *QUICK).error
    project.monkeypatch.setitem(services.METHODS, "CreateDatasetVersion", CREATE)
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.datasets[DATASET].versions) == 4
    assert len(project.world.submissions) == 1


@pytest.mark.parametrize(
    ("devices", "found"),
    [
        ("on 1 cpu device(s), float32\n", "1 cpu device(s)"),
        ("on 2 cpu device(s), float32\n", "2 cpu device(s)"),
        ("on 1 gpu device(s), float32\n", "1 gpu device(s)"),
        ("on 2 gpu device(s), float32\non 1 cpu device(s), float32\n", "1 cpu device(s)"),
        ("", "no word of its devices"),
    ],
)
def test_fewer_devices_than_asked_for_are_refused(
    devices: str, found: str, project: Project, command: Command
):
    logs(line() + devices)(project)
    done = command(submit.main, *T4)
    assert done.error == (
        f"error: kernel {KERNEL} version 1: expected 2 GPUs, as NvidiaTeslaT4 has, found {found} "
        "in its log (artifacts/submit/output/kernel.log); not submitted"
    )
    assert project.world.submissions == []
    sets(run_kernel=uniform)(project)
    assert command(submit.main, *T4).status == 0
    assert len(project.world.datasets[DATASET].versions) == 1


@pytest.mark.parametrize("devices", ["2 gpu", "4 gpu"])
def test_as_many_devices_as_asked_for_or_more(devices: str, project: Project, command: Command):
    logs(f"{line()}on {devices} device(s), bfloat16\n")(project)
    assert command(submit.main, *T4).status == 0


def test_without_an_accelerator_any_device_will_do(project: Project, command: Command):
    logs(line())(project)
    assert command(submit.main, *QUICK).status == 0


def test_the_devices_line_is_the_one_of_inference(project: Project, command: Command):
    """The stand-in says of the devices what the library says."""
    cards: list[Any] = [object(), object()]
    text = devices_line(Backend(cards, "gpu"), ["float32", "float32"])
    assert text == "on 2 gpu device(s), float32"
    logs(f"{line()}{text}\n")(project)
    assert command(submit.main, *T4).status == 0
