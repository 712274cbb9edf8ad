from pathlib import Path

import pytest

from tests.doctor.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    return Project(tmp_path)
