"""Contradictions between values of `params.yaml` that are right one by one."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from pipeline.mistakes import nearest
from pipeline.params import Backbone, Parameters, Perturbation, Pretrain, Rows
from pipeline.paths import PRETRAINED
from pipeline.reserved import BASELINE, ENSEMBLE
from pipeline.teachers import teacher_faults

# Tokens, or slots: some hundred megabytes of a batch alone.
_STEP = 2**24


def contradictions(parameters: Parameters) -> Iterator[str]:
    """Yield a line for each."""
    outside = [fold for fold in parameters.folds if fold >= parameters.split.n_folds]
    if outside or len(set(parameters.folds)) < len(parameters.folds):
        yield (
            "folds: expected different numbers below split.n_folds "
            f"({parameters.split.n_folds}), found {parameters.folds}"
        )
    if len(set(parameters.seeds)) < len(parameters.seeds):
        yield f"seeds: expected different numbers, found {parameters.seeds}"
    for name, model in parameters.models.items():
        if model.train.seed in parameters.seeds:
            yield (
                f"seeds: {model.train.seed} is models.{name}.train.seed already, which every fold "
                "is trained under first; expected another"
            )
    yield from _full_faults(parameters)
    scores = parameters.baseline.scores
    for key in ("essay_ridge", "element_ridge"):
        if scores.terms and not getattr(scores, key):
            yield f"baseline.scores.{key}: expected a penalty above 0 with scores.terms, found 0"
    sections = (parameters.models, parameters.embeddings, parameters.members)
    named = Counter([BASELINE, ENSEMBLE, *(name for section in sections for name in section)])
    for name in sorted(name for name, times in named.items() if times > 1):
        yield f"{name!r} names two members; rename one"
    nested_folds = parameters.ensemble.nested_folds
    if parameters.ensemble.stacker is not None and nested_folds < 3:
        yield (
            f"ensemble.nested_folds: {nested_folds}; expected at least 3 with a stacker, "
            "to fit it, to weigh it and to judge it"
        )
    for name, options in parameters.pretrain.items():
        yield from _pretraining_faults(name, options, parameters)
    yield from teacher_faults(parameters)
    yield from _embedding_faults(parameters)
    for name, model in parameters.models.items():
        yield from _unmade(name, model.backbone, parameters)
        for key, rows in (("train.rows", model.train.rows), ("predict", model.predict)):
            yield from _misfits(f"models.{name}.{key}", rows, model.inputs.window)
        topic = model.inputs.topic
        if topic is not None and topic not in parameters.topics:
            yield (
                f"models.{name}.inputs.topic: no {topic!r} in topics"
                f"{nearest(topic, parameters.topics)}"
            )
        moves = model.train.perturbation
        if (moves.size > 0.0) != (moves.leaves != "none") or (
            moves.leaves == "none" and moves != Perturbation()
        ):
            yield (
                f"models.{name}.train.perturbation: leaves {moves.leaves} and size {moves.size} "
                "move nothing; expected both or neither, and nothing beside neither"
            )


def _full_faults(parameters: Parameters) -> Iterator[str]:
    """Find full fits of no model, and what can't be without held-out essays, or without them."""
    if len(set(parameters.full)) < len(parameters.full):
        yield f"full: expected different names, found {parameters.full}"
    for name in parameters.full:
        if name not in parameters.models:
            yield f"full: no model {name!r}{nearest(name, parameters.models)}"
        elif parameters.models[name].train.select == "best":
            yield (
                f"models.{name}.train.select: best is chosen on held-out essays, and a full fit "
                f"has none; expected last with {name} in full"
            )
    for name, model in parameters.models.items():
        if model.predict.full_alone and name not in parameters.full:
            yield f"models.{name}.predict.full_alone: expected {name} in full, found none"


def _pretraining_faults(name: str, options: Pretrain, parameters: Parameters) -> Iterator[str]:
    """Find what does not hold within a pre-training, or between it and its base."""
    where, spans = f"pretrain.{name}", options.spans
    if options.base not in parameters.models:
        yield f"{where}.base: no model {options.base!r}{nearest(options.base, parameters.models)}"
    if spans.shortest > spans.longest:
        yield (
            f"{where}.spans.shortest: {spans.shortest} words; expected at most those of "
            f"spans.longest, {spans.longest}"
        )
    if spans.random + spans.kept > 1.0:
        yield f"{where}.spans: random and kept: {spans.random + spans.kept:g}; expected at most 1"
    if options.train.dropout.head is not None:
        yield f"{where}.train.dropout.head: a masked language model's head has none; expected null"
    if options.train.soft_labels != "none":
        yield f"{where}.train.soft_labels: pre-training has no labels; leave it out"
    if options.train.perturbation != Perturbation() or options.train.mask_share > 0.0:
        yield f"{where}.train: pre-training has neither perturbation nor mask_share; leave them out"
    yield from _misfits(f"{where}.train.rows", options.train.rows, options.window, "window")


def _embedding_faults(parameters: Parameters) -> Iterator[str]:
    """Find embeddings by no model, and those with no regression or with two."""
    for name, options in parameters.embeddings.items():
        where, model = f"embeddings.{name}", options.model
        if model not in parameters.models:
            yield f"{where}.model: no model {model!r}{nearest(model, parameters.models)}"
        if (options.ridge is None) == (options.boosting is None):
            found = "neither" if options.ridge is None else "both"
            yield f"{where}: expected ridge or boosting, found {found}"


def _unmade(name: str, source: Backbone, parameters: Parameters) -> Iterator[str]:
    """Find a source that pre-training is to make and doesn't, or not before it is read."""
    made = Path(source.source)
    if made.parent != PRETRAINED:
        return
    where = f"models.{name}.backbone"
    if made.name not in parameters.pretrain:
        yield (
            f"{where}.source: {made}: no pretrain.{made.name}"
            f"{nearest(made.name, parameters.pretrain)}"
        )
    elif _comes_back(name, parameters):
        yield f"{where}.source: {made}: is made from this model's own backbone; name another base"
    if source.needs != source.source:
        yield f"{where}.needs: {source.needs}; expected {source.source}, so that it is made first"


def _comes_back(name: str, parameters: Parameters) -> bool:
    """Tell whether pre-trainings lead from a model's backbone back to it."""
    model, seen = name, set[str]()
    while model in parameters.models and model not in seen:
        seen.add(model)
        made = Path(parameters.models[model].backbone.source)
        if made.parent != PRETRAINED or made.name not in parameters.pretrain:
            return False
        model = parameters.pretrain[made.name].base
    return model == name


def _misfits(key: str, rows: Rows, window: int, of: str = "inputs.window") -> Iterator[str]:
    """Find rows that hold no window, and steps that no memory holds."""
    if rows.length < window:
        yield (f"{key}.length: {rows.length} tokens; expected at least those of {of}, {window}")
    width = max(rows.length, rows.slots)
    if rows.per_step * width > _STEP:
        yield (
            f"{key}: {rows.per_step:,} rows of {width} tokens or slots a step; expected at most "
            f"{_STEP:,} in all"
        )
