"""The validate stage: Kaggle's files checked, cleaned, and every element's place found."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.competition.essays import validate
from pipeline.competition.kaggle_files import locate
from pipeline.competition.schema import TABLES
from pipeline.configuration import load_configuration
from pipeline.progress import say
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/clean."""
    argparse.ArgumentParser(prog="stages.validate", description=__doc__).parse_args(argv)
    configuration = load_configuration()
    source = Path(configuration.read("data", params.Data).source)
    figures = validate(source, configuration.read("clean", params.Clean))
    for split in paths.SPLITS:
        made = figures[split]
        say(
            f"{paths.clean(split)}: {made['elements']:,} elements of {made['essays']:,} essays, "
            f"{len(made['not_found']):,} not found in their essay, "
            f"{made['out_of_order']:,} out of order"
        )
        if made["unused_columns"]:
            table, unused = locate(source) / TABLES[split], ", ".join(made["unused_columns"])
            say(f"{table}: not used: columns {unused}")


if __name__ == "__main__":
    run_stage("validate", main)
