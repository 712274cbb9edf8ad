from pathlib import Path

import pytest

from pipeline.graph.declaration import bodies, declared_parameters, read_parameters, with_code

TEXT = """\
# kept
stages:
  one:
    cmd: ${python} -m stages.one
    params: [data]
    deps:
      - data/in   # kept too
      - pipeline/gone.py
  many:
    foreach: ${models}
    do:
      cmd: ${python} -m stages.many --model ${key}
      params:
        - models.${key}.train
      deps:
        - pipeline/encoders/${item.encoder}.py
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/one.py").write_text('x.read("data", Data)\nx.read("session", Session)\n')
    (tmp_path / "stages/many.py").write_text(
        'import stages.one\nx.read(f"models.{model}.train", Train)\nfile.read()\n'
    )
    return tmp_path


def test_only_the_modules_are_written(project: Path):
    new = with_code(TEXT, project)
    assert new == TEXT.replace("pipeline/gone.py", "stages/one.py") + (
        "        - stages/many.py\n        - stages/one.py\n"
    )
    assert with_code(new, project) == new


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
