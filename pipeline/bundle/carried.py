"""Code, parameters and inputs of some models as one archive, for a machine without DVC or data."""

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.backbones import sources
from pipeline.bundle.rounding import write_rounded
from pipeline.configuration import Configuration
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.files import atomic_file
from pipeline.graph.code_hash import ROOT

_CODE = ("pipeline", "stages", "commands")


def pack(configuration: Configuration, models: Sequence[str], into: Path, *, half: bool) -> int:
    """Write the archive.

    Of a model whose backbone a pre-training makes, that one's inputs go along in its place.

    Args:
      configuration: of the project.
      models: keys of models.
      into: the archive; a .tar.xz.
      half: whether backbones are rounded to bfloat16. They are widened again where they are read.

    Returns:
      Its size in bytes.

    Raises:
      UserError: an input is missing, lies outside the project, or a weight is too large to round.
    """
    inputs = sorted(set(_inputs(configuration, models)))
    for path in inputs:
        if not path.exists():
            raise UserError(f"{path}: not found, expected an output of the graph; run dvc repro")
        if path.is_absolute() or ".." in path.parts:
            raise UserError(f"{path}: lies outside the project, so it can't be carried; move it in")
    with (
        atomic_file(into) as temporary,
        tempfile.TemporaryDirectory() as scratch,
        tarfile.open(temporary, "w:xz") as archive,
    ):
        for name in _CODE:
            for path in sorted((ROOT / name).rglob("*.py")):
                archive.add(path, path.relative_to(ROOT))
        archive.add(configuration.path, "params.yaml")
        for path in inputs:
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if half and file.name == FILE:
                    rounded = Path(scratch) / FILE
                    write_rounded(file.parent, rounded, "bfloat16")
                    archive.add(rounded, file)
                elif file.is_file():
                    archive.add(file, file)
    return into.stat().st_size


def bases(configuration: Configuration, model: str) -> Iterator[str]:
    """Yield the keys of `pretrain` that lead to a model's backbone, the nearest first."""
    while True:
        backbone = configuration.read(f"models.{model}.backbone", params.Backbone)
        if not sources.is_pretrained(backbone.source):
            return
        key = Path(backbone.source).name
        yield key
        model = configuration.read(f"pretrain.{key}", params.Pretrain).base


def _inputs(configuration: Configuration, models: Sequence[str]) -> Iterator[Path]:
    yield from (paths.CODE, paths.CLEAN, paths.FOLDS)
    yield Path(configuration.read("labels", params.Labels).source)
    for model in models:
        own = model
        for key in bases(configuration, model):
            options = configuration.read(f"pretrain.{key}", params.Pretrain)
            yield from (Path(options.essays), Path(options.texts))
            own = options.base
        yield paths.backbone(own)
        if own == model:
            yield from (paths.tokens(model, split) for split in paths.SPLITS)
