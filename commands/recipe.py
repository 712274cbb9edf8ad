"""Write params.yaml from a recipe, and print what differs from the default: `make recipe`.

`--set` puts options in, as in `--set "folds='[0, 1]' models.tiny.train.epochs=1"`; its comments are
then lost.
"""

import argparse
import dataclasses
from collections.abc import Sequence
from pathlib import Path

from pipeline import paths
from pipeline.configuration import read_text
from pipeline.errors import UserError, exit_with_message
from pipeline.files import write_text
from pipeline.progress import say
from pipeline.recipes import DEFAULT, compose, differences, find, matching
from pipeline.settings import parse_settings, with_settings

_TARGET = Path("params.yaml")


def main(argv: Sequence[str] | None = None) -> None:
    """Compose the recipe; refuse to write over edits, unless asked to."""
    parser = argparse.ArgumentParser(prog="commands.recipe", description=__doc__)
    parser.add_argument("name", help="a recipe in recipes/, or the path of another one")
    parser.add_argument("--force", action="store_true", help="write over edits of params.yaml")
    parser.add_argument("--set", default="", help="key=value, several apart by spaces")
    arguments = parser.parse_args(argv)
    composition = compose(find(arguments.name))
    if arguments.set:
        changed = with_settings(composition.text, parse_settings(arguments.set))
        composition = dataclasses.replace(
            composition, text=changed.text, configuration=changed.configuration
        )
    if not arguments.force and _is_edited(composition.text):
        raise UserError(
            f"{_TARGET}: edited by hand; keep it as a recipe of your own, or write over it with "
            "FORCE=1"
        )
    write_text(_TARGET, composition.text)
    write_text(paths.WRITTEN_PARAMETERS, composition.text)
    lines = list(differences(composition, compose(find(DEFAULT))))
    say(f"{_TARGET}: written from {composition.path}; options that differ: {len(lines)}")
    for line in lines:
        say(f"  {line}")


def _is_edited(new: str) -> bool:
    """Tell whether params.yaml holds what no recipe and no earlier call made."""
    if not _TARGET.exists():
        return False
    text = read_text(_TARGET)
    made = [new]
    if paths.WRITTEN_PARAMETERS.exists():
        made.append(read_text(paths.WRITTEN_PARAMETERS))
    return text not in made and not matching(text)


if __name__ == "__main__":
    exit_with_message(main)
