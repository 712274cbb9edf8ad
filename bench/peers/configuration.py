"""A comparison on the configuration's own data: which essays, and who is asked for what."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bench.frame import TORCH
from bench.peers.request import Request
from bench.peers.windows import Windows, draw, gather
from bench.turns import Peer
from pipeline import params, paths
from pipeline.clean_tables import ELEMENTS_FILE
from pipeline.configuration import load_configuration
from pipeline.inputs.tokens import Tokens, read_tokens
from pipeline.tables.essay_folds import held_out
from pipeline.training.fold_data import read_labels

SEED = ".venv-seed/bin/python"


class Comparison:
    """One model of the configuration in `folder`, on the first of its folds.

    Attributes:
      model: a key of models in params.yaml.
      train: its training parameters.
      fold: the fold that is held out.
    """

    def __init__(self, model: str, platform: str, folder: Path = Path()) -> None:
        """Read the configuration.

        Raises:
          UserError: the configuration is at fault, or lacks this model.
        """
        configuration = load_configuration(folder / "params.yaml")
        self.model, self.platform, self._folder = model, platform, folder
        self.train = configuration.read(f"models.{model}.train", params.Train)
        self.fold = configuration.read("folds", list)[0]
        devices = configuration.read("compute", params.Compute).devices
        self._devices = devices if platform == "cpu" else "auto"

    def tokens(self) -> Tokens:
        """The configuration's training windows."""
        return read_tokens(self._folder / paths.tokens(self.model, "train"))

    def whole(self, essays: int, path: Path) -> Windows:
        """Some essays from all of them, for speed; none is held out."""
        tokens = self.tokens()
        index = draw(tokens.essay_ids, np.arange(len(tokens)), essays)
        windows = gather(tokens, self._labels(tokens), index, np.zeros(len(index), bool))
        windows.save(path)
        return windows

    def divided(self, fraction: float, path: Path) -> Windows:
        """A fraction of the fold's training essays and of its held-out ones."""
        tokens = self.tokens()
        held = held_out(tokens.essay_ids, self.fold)
        parts = []
        for among in (np.flatnonzero(~held), np.flatnonzero(held)):
            essays = len({tokens.essay_ids[i] for i in among})
            parts.append(draw(tokens.essay_ids, among, max(1, round(fraction * essays))))
        index = np.concatenate(parts)
        windows = gather(tokens, self._labels(tokens), index, held[index])
        windows.save(path)
        return windows

    def _labels(self, tokens: Tokens) -> np.ndarray:
        path = self._folder / paths.clean("train") / ELEMENTS_FILE
        return read_labels(path, tokens.element_ids, np.ones(len(tokens.element_ids), bool))

    def request(self, task: str, data: Path, dtype: str, **more: Any) -> Request:
        """What a peer is asked for, from the configuration's own parameters."""
        asked: dict[str, Any] = {
            "task": task,
            "model": self.model,
            "backbone": str(paths.backbone(self.model)),
            "data": str(data),
            "platform": self.platform,
            "devices": self._devices,
            "dtype": dtype,
            "train": dataclasses.asdict(self.train),
        }
        return Request(**(asked | more))


def ours(request: Request, environment: Mapping[str, str]) -> Peer:
    """This project, in the environment that runs this."""
    name = f"this project, {request.dtype}"
    return Peer(name, "bench.peers.ours", request.json(), environment=environment)


def torch(request: Request, python: str = TORCH) -> Peer:
    """Torch, in its own."""
    how = {"bfloat16": "bfloat16 by autocast"}.get(request.dtype, request.dtype)
    return Peer(f"torch, {how}", "bench.peers.pytorch", request.json(), python)


def seed(request: Request, python: str = SEED) -> Peer:
    """The seed's recipe, in its own."""
    return Peer(f"the seed's recipe, {request.dtype}", "bench.peers.seed", request.json(), python)
