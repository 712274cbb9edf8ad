"""Code, parameters and inputs of some models as one archive, for a machine without DVC or data."""

import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.bases import bases, root
from pipeline.bundle.rounding import write_rounded
from pipeline.configuration import Configuration
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.files import atomic_file, read_json, sha256_of, write_json
from pipeline.graph.code_hash import ROOT

_CODE = ("pipeline", "stages", "commands")
_PARAMETERS = "params.yaml"
_BEGUN = Path("artifacts/carried.json")


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
    # Made over there, by the teacher that is trained over there.
    soft = {paths.soft_labels(model) for model in configuration.read("models", dict)}
    # By the names over there: folders lie within others, and no file goes twice.
    files = {
        name / file.relative_to(path): file
        for name, path in _inputs(configuration, models)
        for file in files_of(path)
        if soft.isdisjoint(file.parents)
    }
    with (
        atomic_file(into) as temporary,
        tempfile.TemporaryDirectory() as scratch,
        # DVC may have made a link of an output; what it leads to is what goes.
        tarfile.open(temporary, "w:xz", dereference=True) as archive,
    ):
        for path in _code(ROOT):
            archive.add(path, path.relative_to(ROOT))
        archive.add(configuration.path, _PARAMETERS)
        for name, file in sorted(files.items()):
            if half and file.name == FILE:
                rounded = Path(scratch) / FILE
                write_rounded(file.parent, rounded, "bfloat16")
                archive.add(rounded, name)
            else:
                archive.add(file, name)
    return into.stat().st_size


def check_unchanged(configuration: Configuration) -> None:
    """Hold what is here to what the outputs here were begun with; note it where there are none.

    There is no DVC to make stale what another archive, or an edit, has changed.

    Raises:
      UserError: code, parameters or essays are others.
    """
    clean = [file for file in paths.CLEAN.rglob("*") if file.is_file()]
    others = [
        file
        for model in configuration.read("models", dict)
        for file in paths.unlabelled(model).rglob("*")
        if file.is_file()
    ]
    inputs = [Path(_PARAMETERS), paths.FOLDS, *clean, *others]
    digest = sha256_of([*_code(Path()), *inputs], Path())
    if not _BEGUN.is_file():
        write_json(_BEGUN, {"sha256": digest})
    elif read_json(_BEGUN).get("sha256") != digest:
        raise UserError(
            f"{_BEGUN}: code, parameters or essays have changed since training began here; "
            "unpack the archive into an empty folder"
        )


def _code(root: Path) -> list[Path]:
    return [path for name in _CODE for path in sorted((root / name).rglob("*.py"))]


def files_of(path: Path) -> list[Path]:
    """List an input's files.

    Raises:
      UserError: it is missing or lies outside the project.
    """
    if not path.exists():
        raise UserError(f"{path}: not found, expected an output of the graph; run dvc repro")
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{path}: lies outside the project, so it can't be carried; move it in")
    return [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]


def _inputs(configuration: Configuration, models: Sequence[str]) -> Iterator[tuple[Path, Path]]:
    """Yield a file or folder with its name over there."""
    labels = Path(configuration.read("labels", params.Labels).source)
    for path in (paths.CODE, paths.CLEAN, paths.FOLDS, labels):
        yield path, path
    for model in models:
        own = root(configuration, model)
        for key in bases(configuration, model):
            options = configuration.read(f"pretrain.{key}", params.Pretrain)
            for path in (Path(options.essays), Path(options.texts)):
                yield path, path
        yield paths.backbone(own), paths.backbone(own)
        if model in configuration.read("unlabelled", dict):
            yield paths.unlabelled(model), paths.unlabelled(model)
        # Pre-training keeps the tokenizer, so tokens of the same options are the same.
        read = [configuration.read(f"models.{name}.inputs", params.Inputs) for name in (model, own)]
        if read[0] == read[1]:
            for split in paths.SPLITS:
                yield paths.tokens(model, split), paths.tokens(own, split)
