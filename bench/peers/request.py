"""What a peer is asked for, as JSON on its command line (standard library only)."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Request:
    """One task for any peer.

    Attributes:
      task: "train" and "predict" measure speed, "race" trains to the end and scores on the way.
      model: a key of models in params.yaml; its backbone is `backbone`.
      backbone: a folder of config.json and model.safetensors.
      data: the file of `bench.peers.windows`, or of `bench.peers.elements` for the seed's recipe.
      platform: "cpu", "gpu" or "tpu".
      devices: over which to split a batch, or "auto" for all.
      dtype: "float32" or "bfloat16" (activations; for torch, autocast), and for torch's inference
        also "bfloat16 weights".
      attention: torch's implementation; None is what transformers takes for the class.
      train: the section of the configuration, with the epochs and evaluations of this request.
      area: tokens of a padded batch of torch's.
      batch: elements of a step of the seed's recipe.
      steps: of speed, after the first one.
    """

    task: str
    model: str
    backbone: str
    data: str
    platform: str
    devices: int | str
    dtype: str
    train: Mapping[str, Any]
    attention: str | None = None
    area: int = 0
    batch: int = 0
    steps: int = 0

    def json(self) -> dict[str, Any]:
        """As a peer takes it."""
        return asdict(self)


def answer(tasks: Mapping[str, Callable[[Request], Mapping[str, Any]]]) -> None:
    """Do the task of the command line's request and print its figures."""
    request = Request(**json.loads(sys.argv[1]))
    print(json.dumps(dict(tasks[request.task](request))))
