"""The files for Ray's cluster launcher, held to Ray's own schema. No cloud is asked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.errors import UserError, one_line


def check(files: Sequence[Path]) -> None:
    """Hold launcher files to what `ray up` would refuse before it brings anything up.

    Raises:
      UserError: Ray refuses one.
    """
    from ray._private.accelerators import (  # type: ignore[import-not-found]
        TPUAcceleratorManager,
    )
    from ray.autoscaler._private import util  # type: ignore[import-not-found]

    for path in files:
        tree: Any = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
        try:
            prepared = util.prepare_config(tree)
            util.validate_config(prepared)
            for node in prepared["available_node_types"].values():
                kind = node["node_config"].get("acceleratorType")
                if kind and not TPUAcceleratorManager.is_valid_tpu_accelerator_type(kind):
                    raise ValueError(f"{kind!r} is no type of TPU that Ray knows")
        except Exception as error:
            raise UserError(f"{path}: {one_line(str(error).splitlines()[0])}") from None
