"""Write each stage's modules into dvc.yaml: `make deps`."""

from pathlib import Path

from pipeline.errors import exit_with_message
from pipeline.files import write_text
from pipeline.graph.declaration import with_code
from pipeline.progress import say


def main() -> None:
    """Rewrite the lists of modules; say whether anything changed."""
    path = Path("dvc.yaml")
    old = path.read_text(encoding="utf-8")
    new = with_code(old, Path())
    if new != old:
        write_text(path, new)
    say(f"{path}: {'lists of modules written' if new != old else 'nothing to change'}")


if __name__ == "__main__":
    exit_with_message(main)
