"""Topics of the clean essays: fitted once, on texts alone, and written for each essay."""

from collections import Counter
from pathlib import Path

from pipeline import params, paths
from pipeline.clean_tables import ESSAYS_FILE, TEXT
from pipeline.competition.schema import ESSAY_ID
from pipeline.files import atomic_folder
from pipeline.tables.columns import Columns
from pipeline.topics.clustering import fit
from pipeline.topics.table import CLUSTERING, write_topics


def make(options: params.Topics, out: Path) -> Counter[str]:
    """Fit topics and write them with every essay's own.

    Args:
      options: of these topics.
      out: is replaced.

    Returns:
      The number of training essays of each topic, by its text.

    Raises:
      UserError: the clean essays are missing, or too few for so many topics.
    """
    essays = {split: _read(split) for split in paths.SPLITS}
    fitted_on = paths.SPLITS if options.test else ("train",)
    fitted = fit([text for split in fitted_on for text in essays[split].values()], options)
    described = {split: fitted.describe(list(texts.values())) for split, texts in essays.items()}
    with atomic_folder(out) as folder:
        fitted.save(folder / CLUSTERING)
        for split, texts in described.items():
            write_topics(folder, split, list(essays[split]), texts)
    return Counter(described["train"])


def _read(split: str) -> dict[str, str]:
    """Read the clean texts of `train` or `test` by essay."""
    table = Columns(paths.clean(split) / ESSAYS_FILE, [ESSAY_ID, TEXT])
    return dict(zip(table.strings(ESSAY_ID), table.strings(TEXT), strict=True))
