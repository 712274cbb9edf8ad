"""The backbone stage: one model's config, tokenizer with markers, and weights from its source."""

import argparse
import os
from collections.abc import Sequence

from pipeline import params, paths
from pipeline.configuration import load_configuration
from pipeline.errors import exit_with_message
from pipeline.progress import say
from stages.naming import add_name

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")  # it misses torch; this doesn't

from pipeline.backbones.make import make


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/backbones/<model>."""
    parser = argparse.ArgumentParser(prog="stages.backbone", description=__doc__)
    add_name(parser, "--model", "models")
    configuration = load_configuration()
    model = configuration.named("models", parser.parse_args(argv).model)
    source = configuration.read(f"models.{model}.backbone", params.Backbone)
    encoder = configuration.read(f"models.{model}.encoder", str)
    made = make(source, encoder, paths.SAMPLE_ESSAYS, paths.backbone(model))
    commit = f" at commit {made['commit']}" if "commit" in made else ""
    say(f"{paths.backbone(model)}: {made['source']}{commit}, for encoder {encoder}")


if __name__ == "__main__":
    exit_with_message(main)
