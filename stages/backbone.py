"""The backbone stage: one model's config, tokenizer with markers, and weights from its source."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.competition.kaggle_files import locate
from pipeline.competition.schema import TASK
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.graph import code_hash
from pipeline.progress import say
from stages.running import add_name, run_stage

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
    needs = Path(source.needs)
    if not needs.exists():
        raise UserError(f"params.yaml: models.{model}.backbone.needs: {needs}: not found")
    made = make(source, encoder, locate(needs) / "train", TASK, paths.backbone(model))
    commit = f" at commit {made['commit']}" if "commit" in made else ""
    say(f"{paths.backbone(model)}: {made['source']}{commit}, for encoder {encoder}")


def _network(model: str) -> Path:
    """Return the record of the code of a model's network."""
    return paths.code(code_hash.network(load_configuration().read(f"models.{model}.encoder", str)))


if __name__ == "__main__":
    run_stage("backbone", main, _network)
