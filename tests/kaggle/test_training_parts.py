"""What a training kernel does before and after it trains, and what is made of its output."""

import json
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import sha256
from pipeline.kaggle.training import intake, kernel, onsite, packs
from pipeline.kaggle.training.order import Order
from pipeline.kaggle.training.session import Lines
from tests.contract.project import ROOT

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


# The kernel.


def test_the_order_stands_in_the_script():
    found: dict[str, Any] = {}
    exec(ORDER.script.partition("class Unusable")[0], found)
    assert json.loads(found["ORDER"])["stages"] == ["train@tiny-0"]
    assert found["ORDER"] == ORDER.text


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine with a v5e-8's chips, Google's network card, and no GPU."""
    for number in range(9):
        slot = tmp_path / f"0000:00:{number:02x}.0"
        slot.mkdir()
        (slot / "vendor").write_text("0x1ae0\n")
        (slot / "device").write_text("0x0042\n" if number == 8 else "0x0063\n")
    monkeypatch.setattr(kernel, "_PCI", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path  # type: ignore[return-value]


def test_all_chips_are_there(machine: Path):
    kernel.check_machine("tpu", 8)


def test_a_chip_that_is_missing_ends_the_kernel(machine: Path):
    (machine / "0000:00:00.0" / "device").write_text("0x0042\n")
    with pytest.raises(kernel.Unusable, match=r"expected 8 tpu device\(s\), found 7"):
        kernel.check_machine("tpu", 8)


def test_a_machine_without_gpus_ends_the_kernel(machine: Path):
    with pytest.raises(kernel.Unusable, match=r"expected 2 gpu device\(s\), found 0"):
        kernel.check_machine("gpu", 2)


def test_gpus_are_counted_by_their_driver(machine: Path):
    smi = machine / "nvidia-smi"
    lines = "\n".join(f"GPU {n}: Tesla T4 (UUID: GPU-{n})" for n in range(2))
    smi.write_text(f"#!/bin/sh\ncat <<'E'\n{lines}\nE\n")
    smi.chmod(0o755)
    (machine / "cat").symlink_to("/bin/cat")
    kernel.check_machine("gpu", 2)


def test_it_needs_the_standard_library_alone():
    """Kaggle's Python need not have anything else in the versions that the project wants."""
    code = "import pipeline.kaggle.training.onsite, pipeline.kaggle.training.kernel"
    # Without `site`, and so without any package.
    subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, check=True)


LOCK = """\
jax==0.0.1 \\
    --hash=sha256:aa
numpy==0.0.1 ; sys_platform == 'win32' \\
    --hash=sha256:bb
nothing-of-this-name==1.0 \\
    --hash=sha256:cc
"""


def test_a_lock_is_held_to_what_is_installed():
    import jax

    assert list(onsite.differences(LOCK)) == [
        f"jax is {jax.__version__}",
        "nothing-of-this-name is missing",
    ]


def test_a_mount_of_another_version_ends_the_kernel(tmp_path: Path):
    (tmp_path / "datasets/alice/x").mkdir(parents=True)
    path = tmp_path / "datasets/alice/x/project.pack"
    path.write_bytes(b"older")
    assert kernel.find(tmp_path, "project.pack", sha256(path)) == path
    with pytest.raises(kernel.Unusable, match=f"project.pack: expected sha256 {'0' * 64}, found"):
        kernel.find(tmp_path, "project.pack", "0" * 64)


# The log.


def test_a_log_that_is_read_anew_is_told_once():
    told: list[str] = []
    lines = Lines(told.append)
    lines.begin()
    lines.take("step 1\nste")
    lines.begin()
    # In other pieces: the service doesn't promise the same ones.
    lines.take("step")
    lines.take(" 1\nstep 2\nst")
    lines.begin()
    lines.take("step 1\nstep 2\nstep 3")
    assert told == ["step 1", "step 2"]
    lines.end()
    assert told == ["step 1", "step 2", "step 3"]


# Packs.


def test_the_same_files_make_the_same_pack(tmp_path: Path):
    (tmp_path / "a.py").write_text("1")
    first = packs.make("project", "alice", "", {"a.py": tmp_path / "a.py"}, tmp_path / "1")
    (tmp_path / "a.py").touch()
    second = packs.make("project", "alice", "", {"a.py": tmp_path / "a.py"}, tmp_path / "2")
    assert first.digest == second.digest == sha256(second.path)
    with zipfile.ZipFile(second.path) as archive:
        assert archive.read("a.py") == b"1"
    metadata = json.loads((second.folder / "dataset-metadata.json").read_text())
    assert metadata["id"] == "alice/effective-arguments-project"
    assert metadata["title"] == "Effective arguments project"


@pytest.mark.parametrize("model", ["deberta_V3--large", "m" * 80, "_"])
def test_names_are_kaggles(model: str):
    import re

    name = packs.slug("inputs", model)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name)
    assert 6 <= len(name) <= 50


def test_long_names_stay_apart():
    assert packs.slug("train", "m" * 40, "0-2-4") != packs.slug("train", "m" * 40, "1-3")


def test_of_an_image_s_libraries_the_driver_s_alone_are_kept(tmp_path: Path):
    (tmp_path / "driver").mkdir()
    (tmp_path / "driver/libcuda.so.1").touch()
    (tmp_path / "toolkit").mkdir()
    given = f"{tmp_path / 'toolkit'}::{tmp_path / 'driver'}"
    assert onsite._drivers(given) == str(tmp_path / "driver")


# What comes back.


def _tar(path: Path, *members: tuple[str, bytes | str]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [("../out", b"x"), ("/etc/x", b"x"), ("run/link", "/etc")],
    ids=["above", "absolute", "link"],
)
def test_an_archive_that_leads_out_is_refused(
    name: str, content: bytes | str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHECKPOINT_ROOT", str(tmp_path / "root"))
    archive = _tar(tmp_path / "checkpoints.tar", (name, content))
    with pytest.raises(UserError, match="expected a file below the archive's root"):
        intake.take_checkpoints(archive)
    assert not (tmp_path / "root").exists()


def test_a_damaged_archive_is_refused(tmp_path: Path):
    archive = _tar(tmp_path / "checkpoints.tar", ("run/origin.json", bytes(4096)))
    archive.write_bytes(archive.read_bytes()[:2000])
    with pytest.raises(UserError, match="no whole tar file"):
        intake.take_checkpoints(archive)


def test_checkpoints_come_beside_our_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CHECKPOINT_ROOT", str(tmp_path / "root"))
    ours = tmp_path / "root/run/state/5/arrays/data"
    ours.parent.mkdir(parents=True)
    ours.write_text("ours")
    archive = _tar(
        tmp_path / "checkpoints.tar",
        ("run/origin.json", b"{}"),
        ("run/state/5/arrays/data", b"theirs"),
        ("run/state/9/arrays/data", b"later"),
    )
    assert intake.take_checkpoints(archive) == ["run"]
    assert ours.read_text() == "ours"
    assert (tmp_path / "root/run/state/9/arrays/data").read_bytes() == b"later"
    # The same once more is nothing new.
    assert intake.take_checkpoints(archive) == []
    assert paths.checkpoints() == tmp_path / "root"
