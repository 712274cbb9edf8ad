"""Examine what a configuration names: data, encoders, backbones, other people's members."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline import params, room
from pipeline.backbones import sources
from pipeline.competition.kaggle_files import missing, missing_essays
from pipeline.doctor import sizes
from pipeline.doctor.findings import Finding, lines_of
from pipeline.encoders.catalogue import check_served, source_file, unknown_encoders
from pipeline.files import read_json
from pipeline.graph.leftovers import TERRITORY
from pipeline.home import expanded
from pipeline.training.loggers import catalogue as loggers


def examine_data(data: params.Data) -> Iterator[Finding]:
    """Find files of Kaggle's that are missing, by their names."""
    for line in missing(Path(data.source)):
        yield Finding(line)


def examine_labels(labels: params.Labels) -> Iterator[Finding]:
    """Find out where the labels to train on are missing."""
    if _is_missing(Path(labels.source)):
        yield Finding(f"params.yaml: labels.from: {labels.source}: not found; mend the path")


def examine_session(session: params.Session) -> Iterator[Finding]:
    """Find a logger that isn't installed."""
    yield from map(Finding, lines_of(loggers.check, session.loggers or ()))


def _is_missing(path: Path) -> bool:
    """True of a path that isn't there and that the graph doesn't write."""
    return not path.exists() and not any(path.is_relative_to(own) for own in TERRITORY)


def examine_models(models: Mapping[str, params.Model]) -> Iterator[Finding]:
    """Check each model's encoder and its backbone's source; a download is a note."""
    unknown = unknown_encoders(models, Path("params.yaml"))
    for name, model in models.items():
        where = f"params.yaml: models.{name}"
        yield from map(Finding, _refusals_of(model, where, unknown.get(name)))
    downloads = {
        (model.backbone.source, model.backbone.revision): None  # in order, each once
        for name, model in models.items()
        if not lines_of(sources.kind, model.backbone)
        and sources.kind(model.backbone) == "hub"
        and not sizes.is_made(name, model.backbone)
    }
    for repository, revision in downloads:
        size = sizes.by_name(repository)
        told = f"by its name about {room.size(size)}" if size else "of a size that no name tells"
        yield Finding(f"{repository} at {revision} comes from the Hugging Face Hub, {told}", False)


def _refusals_of(model: params.Model, where: str, unknown: str | None) -> Iterator[str]:
    """Yield lines on a model.

    Args:
      model: of the configuration.
      where: it stands there, for messages.
      unknown: the line on its encoder, where there is none such.
    """
    needs = Path(model.backbone.needs)
    if _is_missing(needs):
        yield f"{where}.backbone.needs: {needs}: not found; mend the path"
    if unknown:
        yield unknown
    refused = lines_of(sources.kind, model.backbone)
    yield from (f"{where}.{line}" for line in refused)
    if not unknown and not source_file(model.encoder).is_file():
        yield f"{source_file(model.encoder)}: not found; git checkout brings it back"
    # What is yet to be brought or made can't be looked into.
    if refused or sources.kind(model.backbone) in ("hub", "pretrained"):
        return
    folder = sources.kind(model.backbone) == "folder"
    lacking = list(_lacking(model.backbone, where)) if folder else []
    yield from lacking
    if not unknown and not lacking:
        yield from lines_of(_check_served, model, where)


def _check_served(model: params.Model, where: str) -> None:
    check_served(model.encoder, _model_type(model.backbone), where)


def _lacking(source: params.Backbone, where: str) -> Iterator[str]:
    folder = expanded(source.source)
    lines = list(sources.lacking(folder))
    yield from lines
    # The stage holds files to a hash; that takes a while.
    if not lines and (source.sha256 is None or source.revision is not None):
        for line in lines_of(sources.check_folder, source):
            yield f"{where}.{line}"


def _model_type(source: params.Backbone) -> object:
    if source.source.startswith(sources.PREFIX):
        return sources.BUILTIN[source.source.removeprefix(sources.PREFIX)]["model_type"]
    return read_json(expanded(source.source) / sources.CONFIG).get("model_type")


def examine_unlabelled(unlabelled: Mapping[str, params.Unlabelled]) -> Iterator[Finding]:
    """Find folders of further essays that lack something, by their names."""
    for name, options in unlabelled.items():
        for line in missing_essays(Path(options.essays), f"unlabelled.{name}.essays"):
            yield Finding(line)


def examine_pretraining(pretraining: Mapping[str, params.Pretrain]) -> Iterator[Finding]:
    """Find folders of texts that are missing."""
    for name, options in pretraining.items():
        for key, path in (("essays", options.essays), ("texts", options.texts)):
            if _is_missing(Path(path)):
                where = f"params.yaml: pretrain.{name}.{key}"
                yield Finding(f"{where}: {path}: not found; mend the path")


def examine_members(members: Mapping[str, params.Member]) -> Iterator[Finding]:
    """Find CSV files of members that are missing."""
    for name, member in members.items():
        for key, path in vars(member).items():
            if not Path(path).is_file():
                yield Finding(
                    f"params.yaml: members.{name}.{key}: {path}: not found; put the file there, "
                    "or mend the path"
                )
