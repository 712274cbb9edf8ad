"""The tokenize stage: clean essays as token windows for one model's encoder."""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

import argparse
import os
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.progress import say

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it misses torch; this doesn't

from pipeline.inputs.corpus import write_tokens
from pipeline.topics.table import read_topics
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/tokens/<model>, training and test essays."""
    parser = argparse.ArgumentParser(prog="stages.tokenize", description=__doc__)
    parser.add_argument("--model", required=True)
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    inputs = configuration.read(f"models.{model}.inputs", params.Inputs)
    for split in paths.SPLITS:
        folder = paths.tokens(model, split)
        topics = read_topics(paths.topics(inputs.topic), split) if inputs.topic else {}
        made = write_tokens(paths.clean(split), paths.backbone(model), folder, inputs, TASK, topics)
        say(
            f"{folder}: {made['elements']:,} elements of {made['essays']:,} essays in "
            f"{made['windows']:,} windows, {made['tokens']:,} tokens; "
            f"{made['sequences_cut']:,} cut, {made['elements_continued']:,} elements continued, "
            f"{made['elements_not_found']:,} not found, "
            f"{made['tokens_left_out']:,} tokens left out"
        )


if __name__ == "__main__":
    run_stage("tokenize", main)
