"""The manifest's files alone leave the machine, and only to what is private."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import submit
from pipeline import paths
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, KERNEL, has_dataset, has_kernel
from tests.kaggle.project import FILES, QUICK, Project
from tests.kaggle.stand_in import services
from tests.kaggle.stand_in.world import Body, World, unpacked

SENDING = ("StartBlobUpload", "CreateDataset", "CreateDatasetVersion", "SaveKernel")


def sent(world: World) -> list[str]:
    """The calls after which something of this machine's is at Kaggle's."""
    return [name for name in SENDING if world.calls(name)]


def outside(project: Project) -> Path:
    """A folder beside the project with something that is to stay here."""
    folder = project.home / "private"
    folder.mkdir()
    (folder / "token.txt").write_text("mine")
    return folder


def folder_link(project: Project) -> str:
    Path("bundle/extra").symlink_to(outside(project))
    return "bundle/extra"


def folder_link_further_down(project: Project) -> str:
    Path("bundle/models/tiny/extra").symlink_to(outside(project))
    return "bundle/models/tiny/extra"


def file_link(project: Project) -> str:
    """Its bytes are the manifest's, so no hash tells."""
    path = outside(project) / "config.json"
    Path("bundle/models/tiny/config.json").rename(path)
    Path("bundle/models/tiny/config.json").symlink_to(path)
    return "bundle/models/tiny/config.json"


def link_to_nowhere(_: Project) -> str:
    Path("bundle/wheels/gone").symlink_to("nowhere")
    return "bundle/wheels/gone"


def pipe(_: Project) -> str:
    """Whoever opens it to read it waits for ever."""
    os.mkfifo("bundle/pipe")
    return "bundle/pipe"


@pytest.mark.parametrize(
    "arrange", [folder_link, folder_link_further_down, file_link, link_to_nowhere, pipe]
)
def test_a_link_in_a_bundle_is_refused(
    arrange: Callable[[Project], str], project: Project, command: Command
):
    where = arrange(project)
    done = command(submit.main, *QUICK)
    assert done.err.splitlines() == [
        f"error: {where}: a link or device, expected files and folders; nothing was sent"
    ]
    assert done.status == 1
    assert project.world.log == []


def test_a_bundle_may_be_reached_by_a_link(project: Project, command: Command):
    Path("bundle").rename(project.home / "elsewhere")
    Path("bundle").symlink_to(project.home / "elsewhere")
    assert command(submit.main, *QUICK).status == 0
    version = project.world.datasets[DATASET].versions[0]
    assert set(unpacked(version)) == {*FILES, "manifest.json"}


@pytest.mark.parametrize("stray", ["notes.txt", "link"])
def test_an_upload_that_goes_on_takes_along_nothing_else(
    stray: str, project: Project, command: Command
):
    project.world.fail("CreateDataset", 400, "No", times=1)
    assert command(submit.main, *QUICK).status == 1
    path = paths.SUBMIT / "upload" / stray
    if stray == "link":
        path.symlink_to(outside(project) / "token.txt")
    else:
        path.write_text("mine")
    assert command(submit.main, *QUICK).status == 0
    version = project.world.datasets[DATASET].versions[0]
    assert set(unpacked(version)) == {*FILES, "manifest.json"}


def public_dataset(p: Project) -> str:
    has_dataset(p, private=False)
    return "dataset"


def dataset_without_a_word(p: Project) -> str:
    has_dataset(p)
    real = services.METHODS["GetDataset"]

    def answer(world: World, body: Body, base: str) -> Body | str:
        found = real(world, body, base)
        assert isinstance(found, dict)
        return {key: value for key, value in found.items() if key != "isPrivate"}

    p.monkeypatch.setitem(services.METHODS, "GetDataset", answer)
    return "dataset"


def public_kernel(p: Project) -> str:
    has_kernel(p, isPrivate=False)
    return "kernel"


def kernel_without_a_word(p: Project) -> str:
    has_kernel(p)
    return "kernel"


def kernel_without_metadata(p: Project) -> str:
    has_kernel(p, isPrivate=True)
    p.monkeypatch.setitem(services.METHODS, "GetKernel", lambda *_: {})
    return "kernel"


@pytest.mark.parametrize(
    "arrange",
    [
        public_dataset,
        dataset_without_a_word,
        public_kernel,
        kernel_without_a_word,
        kernel_without_metadata,
    ],
)
def test_what_is_not_private_gets_nothing(
    arrange: Callable[[Project], str], project: Project, command: Command
):
    kind = arrange(project)
    ref, place = (DATASET, "datasets") if kind == "dataset" else (KERNEL, "code")
    done = command(submit.main, *QUICK)
    assert done.err.splitlines() == [
        f"error: {kind} {ref}: there is one already, and Kaggle does not call it private; nothing "
        f"was sent; make it private at https://www.kaggle.com/{place}/{ref}, or take another name "
        f"with --{kind}"
    ]
    assert done.status == 1
    assert sent(project.world) == []
    assert not (paths.SUBMIT / "upload").exists()


def test_what_is_private_gets_its_next_version(project: Project, command: Command):
    has_dataset(project)
    has_kernel(project, isPrivate=True)
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.datasets[DATASET].versions) == 2
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/2"]
