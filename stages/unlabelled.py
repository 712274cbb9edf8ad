"""The unlabelled stage: a folder's essays as token windows: python -m stages.unlabelled."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
import os
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.progress import say

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it misses torch; this doesn't

from pipeline.teaching.windows import write_windows
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the windows of one model and of its teacher; say how many essays there are."""
    parser = argparse.ArgumentParser(prog="stages.unlabelled", description=__doc__)
    add_name(parser, "--student", "unlabelled")
    configuration = load_configuration()
    student = configuration.named("unlabelled", parser.parse_args(argv).student)
    options = configuration.read(f"unlabelled.{student}", params.Unlabelled)
    made = write_windows(
        student,
        options,
        configuration.read("clean", params.Clean),
        {
            model: configuration.read(f"models.{model}.inputs", params.Inputs)
            for model in (student, options.teacher)
        },
    )
    say(
        f"unlabelled@{student}: {options.essays}: {made['elements']:,} elements of "
        f"{made['essays']:,} essays in {made['windows']:,} windows, "
        f"{made['elements_not_found']:,} not found, {made['tokens_left_out']:,} tokens left out; "
        f"{paths.unlabelled(student)}"
    )


if __name__ == "__main__":
    run_stage("unlabelled", main)
