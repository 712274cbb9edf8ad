"""The sides of a comparison: whose out-of-fold predictions, under which seed, at which commit.

minilm             a model, the mean over its seeds; or a member, `baseline`, `ensemble`
minilm:7           one seed of a model
minilm@HEAD~1      at a commit of git's
HEAD~2, workspace  a commit, or the files as they stand: the other side's member, or the blend
"""

import abc
import contextlib
import dataclasses
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from ruamel.yaml import YAML

from pipeline import paths
from pipeline.competition.schema import LABELS
from pipeline.configuration import parse as parse_yaml
from pipeline.configuration import read_text
from pipeline.errors import UserError
from pipeline.graph.former import Former, opened_at
from pipeline.mistakes import nearest
from pipeline.reserved import ENSEMBLE
from pipeline.tables.elements import Elements
from pipeline.tables.gather import gather_fold
from pipeline.tables.predictions import Predictions, align, read_predictions
from pipeline.units import unit_of

WORKSPACE = "workspace"
_TABLE = "oof.parquet"
_MEMBER = re.compile(r"([a-z0-9_]+)(?::(\d+))?(?:@(.+))?")

Probabilities = Float[np.ndarray, "rows labels"]


@dataclasses.dataclass(frozen=True)
class Side:
    """One side of a comparison, by its name.

    Attributes:
      member: a model, a member, the baseline or the ensemble; None takes the other side's.
      seed: of a model; None for the mean over all.
      revision: of git; None for the files as they stand.
    """

    member: str | None
    seed: int | None = None
    revision: str | None = None

    def __str__(self) -> str:
        seed = "" if self.seed is None else f":{self.seed}"
        revision = "" if self.revision is None else f"@{self.revision}"
        return f"{self.member}{seed}{revision}"


class _Workspace:
    """The project as it stands."""

    def names(self, folder: Path) -> list[str]:
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    @contextlib.contextmanager
    def file(self, path: Path) -> Iterator[Path]:
        yield path


_Files = _Workspace | Former


def parse(text: str, known: Collection[str]) -> Side:
    """Read a side's name.

    Args:
      text: as the module's own text has it.
      known: the members of the configuration, whatever kind they are of.

    Raises:
      UserError: there is none, or a seed is asked of what is no member.
    """
    if not text:
        raise UserError("expected a member or a commit as A=..., found nothing")
    found = _MEMBER.fullmatch(text)
    if text == WORKSPACE:
        return Side(None)
    if found is None or (found[1] not in known and found[2] is found[3] is None):
        return Side(None, revision=text)
    member, seed, revision = found[1], found[2], found[3]
    if revision == WORKSPACE:
        revision = None
    # Another commit may have had other members.
    if member not in known and revision is None:
        raise UserError(f"{text}: no member {member!r}{nearest(member, known)}")
    return Side(member, None if seed is None else int(seed), revision)


def resolved(one: Side, other: Side) -> tuple[Side, Side]:
    """Give a side that is a commit alone the other's member and seed, or both the blend."""
    whole = next((side for side in (one, other) if side.member is not None), Side(ENSEMBLE))
    first, second = (
        side if side.member is not None else dataclasses.replace(whole, revision=side.revision)
        for side in (one, other)
    )
    return first, second


class Tables(abc.ABC):
    """A side's out-of-fold tables, as far as they are there.

    Attributes:
      side: whose they are.
    """

    def __init__(self, side: Side, files: _Files) -> None:
        self.side, self._files = side, files

    @property
    @abc.abstractmethod
    def folds(self) -> list[int]:
        """The folds that have a table; one that is still trained has none."""

    def seeds(self, folds: Collection[int]) -> int | None:
        """Count the seeds whose mean `gather` takes over some folds; None for what has none."""
        del folds

    @abc.abstractmethod
    def gather(self, elements: Elements) -> Probabilities:
        """Gather the probabilities of elements, all of whose folds are in `folds`.

        Raises:
          UserError: a table is damaged, or has other elements.
        """


class _WholeTable(Tables):
    """A member with one table for all of its folds."""

    def __init__(self, side: Side, files: _Files, path: Path) -> None:
        super().__init__(side, files)
        if side.seed is not None:
            raise UserError(f"{side}: {side.member!r} is no model, and so has no seeds")
        self._path = path

    @property
    def folds(self) -> list[int]:
        with self._files.file(self._path) as path:
            return sorted(set(read_predictions(path).folds.tolist()))

    def gather(self, elements: Elements) -> Probabilities:
        with self._files.file(self._path) as path:
            rows = read_predictions(path)
            out = np.empty((len(elements), len(LABELS)))
            for fold in np.unique(elements.folds).tolist():
                own = elements.folds == fold
                out[own] = align(_of_fold(rows, fold), elements.select(own).element_ids, path)
        return out


class _Trained(Tables):
    """A model: a table for each fold and seed."""

    def __init__(self, side: Side, files: _Files) -> None:
        super().__init__(side, files)
        assert side.member is not None
        self._folder = paths.fold(side.member)
        # By fold and seed, None being the seed of `train.seed`, the name of its folder.
        self._units: dict[int, dict[int | None, str]] = defaultdict(dict)
        for name in files.names(self._folder):
            unit = unit_of(name)
            # A full fit predicts nothing out of fold.
            if unit and _TABLE in files.names(self._folder / name):
                self._units[unit.fold][unit.seed] = name
        if side.seed is not None:
            self._keep(side.seed)

    def _keep(self, seed: int) -> None:
        """Leave one seed's tables alone."""
        there = {seed for units in self._units.values() for seed in units}
        if not there:
            raise UserError(f"{self.side}: no fold is trained, expected one in {self._folder}")
        first = self._first_seed() if None in there and seed not in there else None
        wanted = None if first == seed else seed
        if wanted not in there:
            named = {self._first_seed() if seed is None else seed for seed in there}
            found = sorted(seed for seed in named if seed is not None)
            raise UserError(f"{self.side}: expected one of the seeds {found}, found {seed}")
        kept = {
            fold: {wanted: units[wanted]} for fold, units in self._units.items() if wanted in units
        }
        self._units = defaultdict(dict, kept)

    def _first_seed(self) -> int | None:
        """Read the model's own seed off params.yaml as it was."""
        path = Path("params.yaml")
        with self._files.file(path) as copy:
            tree: Any = parse_yaml(read_text(copy), path, YAML(typ="safe", pure=True))
        # Another commit may have had another layout.
        for key in ("models", self.side.member, "train", "seed"):
            tree = tree.get(key) if isinstance(tree, Mapping) else None
        return tree if isinstance(tree, int) else None

    @property
    def folds(self) -> list[int]:
        return sorted(self._units)

    def seeds(self, folds: Collection[int]) -> int:
        return len(self._of_all(folds))

    def _of_all(self, folds: Collection[int]) -> set[int | None]:
        """Return the seeds that all folds have.

        One that some of them lack would make these folds' predictions worse than others.
        """
        return set.intersection(*(set(self._units[fold]) for fold in folds))

    def gather(self, elements: Elements) -> Probabilities:
        folds = np.unique(elements.folds).tolist()
        seeds = self._of_all(folds)
        if not seeds:
            raise UserError(f"{self.side}: no seed has all of the folds {folds}")
        out = np.zeros((len(elements), len(LABELS)))
        for fold in folds:
            own = elements.folds == fold
            for seed in sorted(seeds, key=lambda seed: -1 if seed is None else seed):
                table = self._folder / self._units[fold][seed] / _TABLE
                with self._files.file(table) as path:
                    out[own] += gather_fold(path, fold, elements.select(own))
        return out / len(seeds)


@contextlib.contextmanager
def opened(side: Side, models: Collection[str]) -> Iterator[Tables]:
    """Open a side's tables.

    Args:
      side: with a member.
      models: of the configuration.

    Raises:
      UserError: there is no such commit, nothing that belongs to it, or no such seed.
    """
    with contextlib.ExitStack() as stack:
        files: _Files = _Workspace()
        if side.revision is not None:
            files = stack.enter_context(opened_at(side.revision))
        yield _tables(side, files, models)


def _tables(side: Side, files: _Files, models: Collection[str]) -> Tables:
    assert side.member is not None
    if side.member == ENSEMBLE:
        return _WholeTable(side, files, paths.ENSEMBLE / _TABLE)
    # Another commit may have had other models.
    if side.member in models or files.names(paths.fold(side.member)):
        return _Trained(side, files)
    return _WholeTable(side, files, paths.oof(side.member))


def _of_fold(rows: Predictions, fold: int) -> Predictions:
    own = rows.folds == fold
    ids = [rows.element_ids[i] for i in np.flatnonzero(own).tolist()]
    return Predictions(ids, rows.folds[own], rows.probabilities[own])
