"""`--dry-run` shows all that would be sent, without credentials and without a network."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands import submit
from pipeline import paths
from tests.contract.project import ROOT
from tests.kaggle.conftest import Command
from tests.kaggle.project import COMPETITION, FILES, SCRIPT, Project


@pytest.fixture
def nobody(project: Project) -> Project:
    project.monkeypatch.delenv("KAGGLE_API_TOKEN")
    return project


def test_files_metadata_and_hashes(nobody: Project, command: Command):
    done = command(submit.main, "--bundle", "bundle", "--dry-run")
    assert (done.status, done.err) == (0, "")
    sizes = dict(re.findall(r"^ +([\d,]+)  (\S+)$", done.out, re.M))
    shown = {name: int(size.replace(",", "")) for size, name in sizes.items()}
    manifest = Path("bundle/manifest.json").stat().st_size
    assert shown == {name: len(data) for name, data in FILES.items()} | {"manifest.json": manifest}
    assert hashlib.sha256(SCRIPT.encode()).hexdigest() in done.out
    dataset, kernel = (
        json.loads(text) for text in re.findall(r"json: (\{.*?\n\})", done.out, re.S)
    )
    assert dataset["id"] == "OWNER/effective-arguments-bundle"
    assert dataset["licenses"] == [{"name": "other"}]
    assert kernel["dataset_sources"] == ["OWNER/effective-arguments-bundle"]
    assert kernel["competition_sources"] == [COMPETITION]
    assert kernel["is_private"] is True
    assert kernel["enable_internet"] is False
    assert done.out.splitlines()[-1] == "nothing was sent"


def test_what_is_shown_is_what_is_sent(project: Project, command: Command):
    shown = command(submit.main, "--bundle", "bundle", "--dry-run").out
    command(submit.main, "--bundle", "bundle", "--poll", "0.005")
    for path in ("upload/dataset-metadata.json", "kernel/kernel-metadata.json"):
        sent = (paths.SUBMIT / path).read_text().strip().replace("alice/", "OWNER/")
        assert sent in shown


def test_a_pinned_image_is_shown(nobody: Project, command: Command):
    image = f"gcr.io/kaggle-gpu-images/python@sha256:{'5' * 64}"
    pinned = command(submit.main, "--bundle", "bundle", "--dry-run", "--docker-image", image).out
    assert f'"docker_image": "{image}"' in pinned
    plain = command(submit.main, "--bundle", "bundle", "--dry-run").out
    assert '"docker_image": null' in plain
    as_line = r"^would submit .* sha256 (\w+), kernel"
    assert re.findall(as_line, pinned, re.M) != re.findall(as_line, plain, re.M)


def test_of_a_file(nobody: Project, command: Command):
    done = command(submit.main, "--csv", "--competition", "takes-files", "--dry-run")
    assert done.status == 0
    assert hashlib.sha256(Path("submission.csv").read_bytes()).hexdigest() in done.out
    assert nobody.world.log == []


def test_nothing_is_asked_and_the_client_is_not_even_imported(nobody: Project):
    """In a process of its own, where a network is an error."""
    code = (
        "import sys, pathlib, commands.submit\n"
        "def refuse(event, _):\n"
        "    if event.startswith('socket.'): raise RuntimeError(event)\n"
        "sys.addaudithook(refuse)\n"
        "commands.submit.SCRIPT = pathlib.Path('kernel.py')\n"
        "commands.submit.main(['--bundle', 'bundle', '--dry-run'])\n"
        "assert 'kaggle' not in sys.modules and 'kagglesdk' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert nobody.world.log == []


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("--dataset", "--dataset: found 'x', expected 6 to 50 small letters, digits and single"),
        ("--kernel", "--kernel: found 'x', expected 6 to 50 small letters, digits and single"),
    ],
)
def test_names_are_checked_here_too(what: str, line: str, nobody: Project, command: Command):
    done = command(submit.main, "--bundle", "bundle", "--dry-run", what, "x")
    assert line in done.error


def test_a_partial_result_is_refused_here_too(nobody: Project, command: Command):
    paths.metrics("ensemble").write_text('{"partial": true}')
    assert "not to be submitted" in command(submit.main, "--dry-run").error
