"""The teach stage: soft labels of a folder's essays for one model: python -m stages.teach."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import trained_units
from pipeline.graph import code_hash
from pipeline.graph.code_record import check
from pipeline.progress import say
from pipeline.teaching.from_folder import teach_folder
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the soft labels beside the model's training windows; say how many."""
    parser = argparse.ArgumentParser(prog="stages.teach", description=__doc__)
    add_name(parser, "--student", "unlabelled")
    configuration = load_configuration()
    student = configuration.named("unlabelled", parser.parse_args(argv).student)
    teacher = configuration.read(f"unlabelled.{student}", params.Unlabelled).teacher
    encoder = configuration.read(f"models.{teacher}.encoder", str)
    check(paths.network(teacher), code_hash.network(encoder), "dvc repro")
    made = teach_folder(
        student,
        teacher,
        encoder=encoder,
        settings=configuration.read(f"models.{teacher}.predict", params.Predict),
        trained=trained_units(configuration, teacher),
    )
    say(
        f"teach@{student}: {len(made.element_ids):,} elements, each fold's labels by {teacher}'s "
        f"same fold on {made.computed}; {paths.soft_labels(student)}"
    )


if __name__ == "__main__":
    run_stage("teach", main)
