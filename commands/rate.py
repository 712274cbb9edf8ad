"""Predict an essay by the trained folds: python -m commands.rate essay.txt.

The essay is a text, or JSON as {"text": ..., "elements": [{"type": ..., "text": ...}]}; - is
standard input. Without elements, paragraphs serve.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.competition.rows import read_text
from pipeline.configuration import load_configuration
from pipeline.errors import UserError, exit_with_message
from pipeline.viewing.draft import read_draft
from pipeline.viewing.rating import Rater
from pipeline.viewing.terminal import show

_INPUT = "-"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the essay with the mean of one model's folds."""
    parser = argparse.ArgumentParser(
        prog="commands.rate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("essay", help="a text, a file that ends in .json, or -")
    parser.add_argument("--model", help="a key of models in params.yaml; the first if none")
    wanted = parser.parse_args(argv)
    configuration = load_configuration()
    where, content, as_json = _read(wanted.essay)
    draft = read_draft(content, where, as_json)
    seen = Rater(configuration, wanted.model).rate(draft)
    show(f"{where}: {seen.heading}", seen.parts, notes=seen.notes)


def _read(essay: str) -> tuple[str, str, bool]:
    """Return the essay's name, its content, and whether that is JSON."""
    if essay != _INPUT:
        path = Path(essay)
        return essay, read_text(path), path.suffix.lower() == ".json"
    try:
        content = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UserError("standard input: found other bytes, expected UTF-8") from None
    return "standard input", content, content.lstrip().startswith("{")


if __name__ == "__main__":
    exit_with_message(main)
