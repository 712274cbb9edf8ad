"""Estimate the size of a backbone from its files, its config or its name."""

from collections.abc import Mapping
from typing import Any

from pipeline import params, paths
from pipeline.backbones import sources
from pipeline.encoders.weights.tensors import FILE, weight_files
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.home import expanded

_FLOAT32 = 4  # bytes
_VOCABULARY = 600  # of a builtin, with the markers
# Word in a repository's name to gigabytes in float32, after the published sizes of BERT, RoBERTa,
# ELECTRA, DeBERTa and ModernBERT. The first word that fits counts.
_BY_NAME = (
    ("minilm", 0.1),
    ("xxlarge", 6.2),
    ("xlarge", 3.5),
    ("large", 1.7),
    ("xsmall", 0.3),
    ("small", 0.5),
    ("tiny", 0.1),
    ("mini", 0.1),
    ("base", 0.7),
)


def is_made(model: str, source: params.Backbone) -> bool:
    """Tell whether data/backbones holds a model's backbone from this very source."""
    try:
        origin = read_json(paths.backbone(model) / "origin.json")
    except UserError:
        return False
    asked = {"source": source.source, "revision": source.revision}
    return all(origin.get(key) == value for key, value in asked.items())


def by_name(repository: str) -> float | None:
    """Estimate a Hub repository's bytes in float32; None where its name tells nothing."""
    name = repository.lower()
    return next((size * 1e9 for word, size in _BY_NAME if word in name), None)


def measured(model: str, source: params.Backbone) -> float | None:
    """Measure a model's parameters in bytes of float32; None for what is yet to be downloaded."""
    made = paths.backbone(model) / FILE
    if made.is_file():
        return float(made.stat().st_size)
    try:
        kind = sources.kind(source)
        if kind == "builtin":
            return _of_config(sources.BUILTIN[source.source.removeprefix(sources.PREFIX)])
        if kind == "folder":
            files = weight_files(expanded(source.source))
            return float(sum(path.stat().st_size for path in files))
    except UserError:  # there is no such source, which is told elsewhere
        return None
    return None


def _of_config(fields: Mapping[str, Any]) -> float:
    """Estimate bytes by the count of parameters that docs/how-it-works.md gives."""
    width, inner = fields["hidden_size"], fields["intermediate_size"]
    layer = 4 * width**2 + 2 * width * inner + 9 * width + inner
    return float(_FLOAT32 * (_VOCABULARY * width + fields["num_hidden_layers"] * layer))
