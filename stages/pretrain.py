"""Train a model's backbone on as a masked language model: python -m stages.pretrain --name mlm."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
from collections.abc import Sequence

from pipeline import paths
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.graph import code_hash
from pipeline.graph.code_record import check
from pipeline.pretraining.job import pretrain_job
from pipeline.pretraining.run import pretrain
from pipeline.progress import say
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/pretrained/<name>; say its masked loss and accuracy on held-out texts."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_name(parser, "--name", "pretrain")
    configuration = load_configuration()
    job = pretrain_job(configuration, configuration.named("pretrain", parser.parse_args(argv).name))
    check(paths.network(job.model), code_hash.network(job.encoder), "dvc repro")
    found = pretrain(job, TASK)
    say(
        f"{job.name}: masked log loss {found.loss:.4f}, accuracy {found.accuracy:.4f} on held-out "
        f"texts; {paths.pretrained(job.key)}"
    )


if __name__ == "__main__":
    run_stage("pretrain", main)
