"""`make folds` and `make smoke` have all made that a fold is trained on."""

import subprocess
from pathlib import Path

import pytest

from commands import inputs
from pipeline import paths
from pipeline.errors import UserError
from pipeline.units import Unit
from tests.configurations import DEFAULT, changed, write


@pytest.mark.parametrize(
    ("model", "stages"),
    [
        ("tiny", ["split", "tokenize@tiny"]),
        ("second", ["split", "tokenize@second", "pseudo@second"]),
        ("third", ["split", "tokenize@third", "teach@third"]),
    ],
)
def test_soft_labels_are_among_them(
    model: str, stages: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    student = changed(DEFAULT["models"]["tiny"], {"train": {"soft_labels": "both"}})
    soft = {
        "pseudo": {"second": {"teacher": "tiny"}},
        "unlabelled": {"third": {"teacher": "tiny", "essays": "data/sample"}},
    }
    write(changed(DEFAULT, {"models": {"second": student, "third": student}, **soft}))
    for fold in range(5):
        paths.weights("tiny", Unit(fold)).mkdir(parents=True)
    asked: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[bytes]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 7)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(SystemExit, match=r"^7$"):
        inputs.main(["--model", model])
    assert asked[0][asked[0].index("repro") :] == ["repro", "--quiet", *stages]
    if len(stages) > 2:
        paths.weights("tiny", Unit(3)).rmdir()
        with pytest.raises(UserError, match=r"learns from tiny, of which 1 of 5 trainings are"):
            inputs.main(["--model", model])
