"""The pseudo stage: soft labels of the test essays for one model: python -m stages.pseudo."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import configured_units
from pipeline.progress import say
from pipeline.teaching.from_test import teach_test
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the soft labels beside the model's training windows; say how many."""
    parser = argparse.ArgumentParser(prog="stages.pseudo", description=__doc__)
    add_name(parser, "--student", "pseudo")
    configuration = load_configuration()
    student = configuration.named("pseudo", parser.parse_args(argv).student)
    teacher = configuration.read(f"pseudo.{student}", params.Pseudo).teacher
    elements = teach_test(student, teacher, configured_units(configuration))
    say(
        f"pseudo@{student}: {elements:,} elements, each fold's labels by {teacher}'s same fold; "
        f"{paths.soft_labels(student)}"
    )


if __name__ == "__main__":
    run_stage("pseudo", main)
