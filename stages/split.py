"""The split stage: essays to folds, stratified by label and type, grouped by essay."""

import argparse
from collections.abc import Sequence

import pandas as pd

from pipeline import clean_tables, params, paths
from pipeline.competition import schema
from pipeline.competition.assignment import assign_folds
from pipeline.configuration import load_configuration
from pipeline.errors import UserError
from pipeline.files import write_parquet
from pipeline.progress import say
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write data/folds.parquet."""
    argparse.ArgumentParser(prog="stages.split", description=__doc__).parse_args(argv)
    split = load_configuration().read("split", params.Split)
    path = paths.clean("train") / clean_tables.ELEMENTS_FILE
    if not path.is_file():
        raise UserError(f"{path}: not found; run the validate stage first")
    columns = [schema.ESSAY_ID, schema.ELEMENT_TYPE, clean_tables.LABEL]
    elements = pd.read_parquet(path, columns=columns)
    folds = assign_folds(elements, split)
    write_parquet(paths.FOLDS, folds)
    sizes = folds[clean_tables.FOLD].value_counts().sort_index()
    say(f"{paths.FOLDS}: {len(folds):,} essays in folds of {', '.join(map(str, sizes))}")


if __name__ == "__main__":
    run_stage("split", main)
