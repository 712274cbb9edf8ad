"""Take in someone else's predictions as a member: python -m stages.member --member name."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.members.external import adopt
from pipeline.metrics import log_loss
from pipeline.progress import say
from pipeline.tables.elements import read_elements, read_test_ids
from pipeline.tables.predictions import read_predictions
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write the member's checked tables; say its log loss and what was rescaled."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_name(parser, "--member", "members")
    configuration = load_configuration()
    name = configuration.named("members", parser.parse_args(argv).member)
    member = configuration.read(f"members.{name}", params.Member)
    elements = read_elements()
    rescaled = adopt(name, member, elements, read_test_ids())
    for path, count in zip((member.oof, member.test), rescaled, strict=True):
        if count:
            say(f"member@{name}: {path}: {count} rows did not sum to 1 and were rescaled")
    loss = log_loss(elements.labels, read_predictions(paths.oof(name)).probabilities)
    say(f"member@{name}: log loss {loss:.4f} over {len(elements)} elements, {paths.oof(name)}")


if __name__ == "__main__":
    run_stage("member", main)
