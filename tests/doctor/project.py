"""A project as the doctor sees it: params.yaml, and files of which only names and sizes count."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.configurations import RECIPES, changed, write

HUB = {"source": "microsoft/deberta-v3-large", "revision": "main"}


class Project:
    """A folder with the default configuration and the names of Kaggle's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copy(RECIPES / "default.yaml", root / "params.yaml")
        for split in ("train", "test"):
            self.touch(f"data/sample/{split}.csv", f"data/sample/{split}/0006A3A75CC7.txt")
        self.touch("data/sample/sample_submission.csv")

    def touch(self, *names: str, size: int = 0) -> None:
        """Make files of so many bytes, without room on the disk for them."""
        for name in names:
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as stream:
                stream.truncate(size)

    def set(self, **values: Any) -> None:
        """Set values of params.yaml, `__` between the parts of a key; a new key is added."""
        path = self.root / "params.yaml"
        tree = YAML(typ="safe", pure=True).load(path)
        for key, value in values.items():
            for part in reversed(key.split("__")):
                value = {part: value}
            tree = changed(tree, value)
        write(tree, path)


def findings(accelerator: str | None = None, model: str | None = None) -> dict[str, list[str]]:
    from pipeline.doctor.examine import examine

    found = examine(Path("params.yaml"), accelerator, model)
    return {
        "errors": [finding.text for finding in found if finding.error],
        "notes": [finding.text for finding in found if not finding.error],
    }


def errors(accelerator: str | None = None, model: str | None = None) -> list[str]:
    return findings(accelerator, model)["errors"]
