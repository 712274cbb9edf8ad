from pathlib import Path

import pytest

from pipeline.graph.declaration import bodies, declared_parameters, read_parameters


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/one.py").write_text('x.read("data", Data)\nx.read("session", Session)\n')
    (tmp_path / "stages/many.py").write_text(
        'import stages.one\nx.read(f"models.{model}.train", Train)\nfile.read()\n'
    )
    return tmp_path


def test_parameters_declared_and_read(project: Path):
    assert read_parameters("one", project) == {"data"}
    assert read_parameters("many", project) == {"data", "models.*.train"}
    body = {"params": ["folds", "models.${item.model}.train"]}
    assert declared_parameters(body) == {"folds", "models.*.train"}


def test_how_many_devices_there_are_is_no_parameter_of_a_stage(project: Path):
    (project / "stages/one.py").write_text('x.read("compute", Compute)\n')
    assert read_parameters("one", project) == {"compute.dtype", "compute.platform"}


def test_a_key_that_is_computed_is_refused(project: Path):
    (project / "stages/one.py").write_text("configuration.read(key, Data)\n")
    with pytest.raises(ValueError, match=r"one\.py:1"):
        read_parameters("one", project)


def test_bodies_of_loops():
    assert bodies({"stages": {"a": {"do": {"cmd": "x"}}, "b": {"cmd": "y"}}}) == {
        "a": {"cmd": "x"},
        "b": {"cmd": "y"},
    }
