"""A project as the doctor sees it: params.yaml, and files of which only names and sizes count."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.contract.project import ROOT

MODEL = {
    "encoder": "bert",
    "backbone": {
        "source": "builtin:tiny",
        "revision": None,
        "sha256": None,
        "seed": 1,
        "needs": "data/sample",
    },
}


class Project:
    """A folder with the default configuration and the names of Kaggle's files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copy(ROOT / "params.yaml", root)
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
        yaml = YAML(typ="safe", pure=True)
        path = self.root / "params.yaml"
        configuration = yaml.load(path.read_text(encoding="utf-8"))
        for key, value in values.items():
            *parents, last = key.split("__")
            section = configuration
            for parent in parents:
                section = section[parent]
            section[last] = value
        with path.open("w", encoding="utf-8") as stream:
            yaml.dump(configuration, stream)
