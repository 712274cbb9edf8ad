"""The topics stage: what each essay is about, found without labels: python -m stages.topics."""

import argparse
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.progress import say
from pipeline.topics.make import make
from stages.running import add_name, run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/clean/topics/<name>; say each topic's words."""
    parser = argparse.ArgumentParser(prog="stages.topics", description=__doc__)
    add_name(parser, "--topic", "topics")
    configuration = load_configuration()
    name = configuration.named("topics", parser.parse_args(argv).topic)
    options = configuration.read(f"topics.{name}", params.Topics)
    found = make(options, paths.topics(name))
    for text, essays in found.most_common():
        say(f"topics@{name}: {essays:,} training essays: {text or 'no word that is known'}")
    say(f"{paths.topics(name)}: {options.count} topics")


if __name__ == "__main__":
    run_stage("topics", main)
