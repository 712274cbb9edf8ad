"""Further essays in Kaggle's layout, checked and cleaned as the competition's own are."""

from pathlib import Path

import pandas as pd

from pipeline import params
from pipeline.competition import checks, schema
from pipeline.competition.clean_split import CleanSplit, clean_split
from pipeline.competition.essays import read_split
from pipeline.competition.kaggle_files import locate, missing_essays, tables_in
from pipeline.errors import UserError


def clean_further(folder: Path, key: str, cleaning: params.Clean) -> CleanSplit:
    """Read every essay of a folder, whichever of the tables it stands in; labels don't count.

    Args:
      folder: one of the tables, or both, each with its folder of texts.
      key: of params.yaml, which names the folder.
      cleaning: of the competition's essays.

    Raises:
      UserError: the first mistake.
    """
    for line in missing_essays(folder, key):
        raise UserError(line)
    folder = locate(folder)
    tables = {split: folder / schema.TABLES[split] for split in tables_in(folder)}
    raw = {split: read_split(folder, split, labels=False) for split in tables}
    if len(raw) == 2:
        checks.check_disjoint(tables["train"], raw["train"].rows, tables["test"], raw["test"].rows)
    made = {split: clean_split(one, cleaning) for split, one in raw.items()}
    for split, one in made.items():
        checks.check_found(tables[split], folder / split, one.elements, one.not_found)
    return CleanSplit(
        pd.concat([one.elements for one in made.values()], ignore_index=True),
        pd.concat([one.essays for one in made.values()], ignore_index=True),
        sum(one.out_of_order for one in made.values()),
        sum(one.told_apart for one in made.values()),
    )
