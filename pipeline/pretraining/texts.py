"""The texts that a masked language model is trained on, and those that are held out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from jaxtyping import Bool

from pipeline import params
from pipeline.clean_tables import ESSAYS_FILE, TEXT
from pipeline.competition.cleaning import clean
from pipeline.competition.rows import read_text
from pipeline.errors import UserError
from pipeline.seeds import stream


def text_files(essays: str, texts: str) -> list[Path]:
    """List the files of the clean essays, then the further ones, each kind by name.

    Args:
      essays: a folder of clean tables, or one above several.
      texts: a folder of text files.

    Raises:
      UserError: there are no essays, or there is no such folder.
    """
    tables = sorted(Path(essays).rglob(ESSAYS_FILE))
    if not tables:
        raise UserError(f"{essays}: no {ESSAYS_FILE}; expected data/clean/train or data/clean")
    if not Path(texts).is_dir():
        raise UserError(f"{texts}: no such folder; expected one of .txt files, or data/clean/train")
    return tables + sorted(Path(texts).rglob("*.txt"))


def read_texts(files: Sequence[Path], cleaning: params.Clean) -> list[str]:
    """Read every text once, in the files' order; further ones are cleaned as essays are.

    Args:
      files: as `text_files` lists them.
      cleaning: of the competition's essays.

    Raises:
      UserError: a text is undecodable.
    """
    # Words alone tell texts apart: else a copy with other white space might be trained on while
    # its like is held out.
    found: dict[str, str] = {}
    for path in files:
        if path.name == ESSAYS_FILE:
            texts = pq.read_table(path, columns=[TEXT])[TEXT].to_pylist()
        else:
            texts = [clean(read_text(path), cleaning)]
        for text in texts:
            found.setdefault(" ".join(text.split()), text)
    return [text for words, text in found.items() if words]


def held_out(count: int, share: float, seed: int) -> Bool[np.ndarray, " texts"]:
    """Draw the texts to measure on.

    Args:
      count: of all texts.
      share: of those that are held out; at least one is.
      seed: of the run.

    Raises:
      UserError: no text would be left to train on.
    """
    number = max(1, round(share * count))
    if number >= count:
        raise UserError(f"pretrain: {count} text(s), held_out {share:g}: none is left to train on")
    mask = np.zeros(count, bool)
    rng = np.random.default_rng(stream(seed, "held out texts"))
    mask[rng.permutation(count)[:number]] = True
    return mask
