from pathlib import Path

import pytest

from pipeline.graph.closure import closure, imported, networks, reach, stages


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "stages/__init__.py": "",
        "stages/code.py": 'if __name__ == "__main__":\n    pass\n',
        "stages/go.py": 'from pipeline.a import one, two\nif __name__ == "__main__":\n    pass\n',
        "stages/look.py": "import pipeline.encoders.registry\n",
        "pipeline/__init__.py": '"""Only a docstring."""\n',
        "pipeline/a/__init__.py": '"""A package that does something."""\nFLAG = True\n',
        "pipeline/a/one.py": "def f():\n    from pipeline import lazy\n",
        "pipeline/a/two.py": (
            "import json\nfrom typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from pipeline.typed import T\n"
        ),
        "pipeline/lazy.py": "import pipeline.deep\n",
        "pipeline/deep.py": "from pipeline import lazy\n",
        "pipeline/typed.py": "",
        "pipeline/encoders/registry.py": "from pipeline.encoders import catalogue\n",
        "pipeline/encoders/catalogue.py": 'ENCODERS: dict = {"bert": "b", "other": "o"}\n',
        "pipeline/encoders/bert.py": "from pipeline.encoders.layers import norm\n",
        "pipeline/encoders/other.py": "",
        "pipeline/encoders/layers.py": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_lazy_and_circular_imports_count_but_typing_and_docstrings_do_not(project: Path):
    assert closure(Path("stages/go.py"), project) == {
        Path("stages/go.py"),
        Path("pipeline/a/__init__.py"),
        Path("pipeline/a/one.py"),
        Path("pipeline/a/two.py"),
        Path("pipeline/lazy.py"),
        Path("pipeline/deep.py"),
    }


def test_networks_are_reached_through_the_registry(project: Path):
    folder = Path("pipeline/encoders")
    assert networks(project) == {"bert": folder / "bert.py", "other": folder / "other.py"}
    own = {Path("stages/look.py"), folder / "registry.py", folder / "catalogue.py"}
    assert closure(Path("stages/look.py"), project) == own
    of_networks = {folder / "bert.py", folder / "layers.py", folder / "other.py"}
    assert reach("look", project) == own | of_networks
    assert reach("go", project) == closure(Path("stages/go.py"), project)


def test_stages_are_the_modules_that_can_be_run(project: Path):
    assert stages(project) == ["go"]


def test_a_file_that_was_edited_is_read_anew(project: Path):
    go = Path("stages/go.py")
    assert Path("pipeline/deep.py") not in imported(go, project)
    (project / go).write_text("import pipeline.deep\n")
    assert Path("pipeline/deep.py") in imported(go, project)


def test_a_relative_import_is_refused(project: Path):
    (project / "stages/go.py").write_text("from . import look\n")
    with pytest.raises(ValueError, match="relative"):
        closure(Path("stages/go.py"), project)
