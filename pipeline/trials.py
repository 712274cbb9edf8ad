"""trials.jsonl: one line a variant that was tried on one fold, kept in git.

What was tried and could not be told from nothing is worth as much to the next one as what won.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import json_lines

# Here and not in `paths`, whose code every stage's hash has: no fold depends on it.
TRIALS = Path("trials.jsonl")


@dataclass(frozen=True)
class Trial:
    """One variant against the configuration of its time.

    Attributes:
      time: when it ended, UTC, ISO 8601.
      commit: of the project, None without git; `-dirty` where files that git knows were edited.
      parameters: sha256 of the params.yaml that it was held against.
      code: hashes of the code of training and of the network, by their names.
      model, fold: what was trained.
      settings: what the variant sets, by dotted key.
      essays: how many the fold holds out.
      log_loss: the variant's; `base_log_loss` that of params.yaml.
      difference: the one less the other, paired by essay; below zero the variant is better.
      low, high: the ends of its interval at 95 %.
      smallest: the smallest difference that the comparison can see.
      verdict: better, worse, undecided or the same predictions.
      seconds: of the process that ended the variant's training; of a run that was interrupted, its
        last part. `base_seconds` is likewise.
    """

    time: str
    commit: str | None
    parameters: str
    code: Mapping[str, str]
    model: str
    fold: int
    settings: Mapping[str, Any]
    essays: int
    log_loss: float
    base_log_loss: float
    difference: float
    low: float
    high: float
    smallest: float
    verdict: str
    seconds: float
    base_seconds: float


def add(path: Path, trial: Trial) -> int:
    """Add a line, unless the same one is there but for its time; return how many there are now.

    Raises:
      UserError: the file holds what is no trial.
    """
    trials = json_lines.read(path, Trial)
    if trial not in [dataclasses.replace(other, time=trial.time) for other in trials]:
        trials.append(trial)
        json_lines.write(path, trials)
    return len(trials)
