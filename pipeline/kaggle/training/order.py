"""The order of one kernel: what it is to train, on what, from which archives."""

import ast
import dataclasses
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.kaggle.training import kernel

_PLACE = 'ORDER: Final = "{}"\n'
_LINE = re.compile(r"^ORDER: Final = ('.*')$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Order:
    """The order of one kernel.

    Attributes:
      model: a key of models in params.yaml.
      stages: to run, as DVC names them.
      at_once: whether their folds are trained at once first, each on a device of its own.
      platform: as compute.platform has it.
      build: of JAX, as the locks in requirements/ are called.
      devices: that the machine has to have.
      minutes: of the session after which training saves and ends.
      packs: the archive's file and sha256 by its name.
    """

    model: str
    stages: Sequence[str]
    at_once: bool
    platform: str
    build: str
    devices: int
    minutes: float
    packs: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of_script(cls, script: str) -> "Order | None":
        """Read the order that a kernel's text holds; None where it holds none."""
        found = _LINE.search(script)
        try:
            return cls(**json.loads(ast.literal_eval(found[1]))) if found else None
        except (ValueError, SyntaxError, TypeError):
            return None

    @property
    def text(self) -> str:
        """The JSON that the kernel reads."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)

    @property
    def digest(self) -> str:
        """Hex digest, which the kernel's report names."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @property
    def line(self) -> str:
        """The line of the kernel's text that holds the order."""
        return f"ORDER: Final = {self.text!r}\n"

    @property
    def script(self) -> str:
        """The kernel's own text with this order in it."""
        source = Path(kernel.__file__).read_text(encoding="utf-8")
        before, found, after = source.partition(_PLACE)
        if not found:
            raise AssertionError(f"{kernel.__file__}: no line {_PLACE!r}")
        return f"{before}{self.line}{after}"
