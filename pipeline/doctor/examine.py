"""All checks of a configuration, in the order in which stages would meet its mistakes."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.bases import bases
from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_units import trained_units
from pipeline.doctor import disk, leftovers, machine, requirements
from pipeline.doctor.findings import Finding, lines_of
from pipeline.teachers import students
from pipeline.units import Unit


def examine(
    path: Path, accelerator: str | None, model: str | None, trains_here: bool = True
) -> list[Finding]:
    """List what keeps a configuration from running, and what is good to know before.

    Args:
      path: of the configuration.
      accelerator: the build of JAX that make was asked for; None where it was not.
      model: the only one that is to run, up to its training; None for the whole graph.
      trains_here: False where other machines train, which are examined as they do.
    """
    wrong = lines_of(load_configuration, path)
    if wrong:
        return [Finding(line) for line in wrong]
    configuration = load_configuration(path)
    models = configuration.read("models", dict)
    trained = {name: trained_units(configuration, name) for name in models}
    to_train = _to_train(models, trained)
    if model is not None:
        wrong = lines_of(configuration.named, "models", model)
        if wrong:
            return [Finding(line) for line in wrong]
        models = to_train = {model: models[model]}
    pretraining = _pretraining(configuration, models)
    unlabelled: dict[str, params.Unlabelled] = configuration.read("unlabelled", dict)
    unmade = {key: one for key, one in pretraining.items() if not paths.pretrained(key).exists()}
    found = [
        *requirements.examine_data(configuration.read("data", params.Data)),
        *requirements.examine_labels(configuration.read("labels", params.Labels)),
        *requirements.examine_session(configuration.read("session", params.Session)),
        *(
            machine.examine(
                configuration.read("compute", params.Compute), to_train, unmade, accelerator
            )
            if trains_here
            else ()
        ),
        *requirements.examine_models(models),
        *requirements.examine_pretraining(pretraining),
        *requirements.examine_unlabelled(
            {key: one for key, one in unlabelled.items() if key in models}
        ),
    ]
    if model is None:
        found += _of_the_whole(configuration, trained)
    return found


def _pretraining(
    configuration: Configuration, models: Mapping[str, params.Model]
) -> dict[str, params.Pretrain]:
    """Return the pre-trainings that the models' backbones come from."""
    there: dict[str, params.Pretrain] = configuration.read("pretrain", dict)
    return {key: there[key] for model in models for key in bases(configuration, model)}


def _to_train(
    models: Mapping[str, params.Model], trained: Mapping[str, Sequence[Unit]]
) -> dict[str, params.Model]:
    """Return the models of which weights of a fold or a full fit are missing.

    Weights that are there but stale count as trained: only DVC can tell, by hashing everything, and
    `train` then refuses the machine itself.
    """
    return {
        name: model
        for name, model in models.items()
        if not all(paths.weights(name, unit).exists() for unit in trained[name])
    }


def _of_the_whole(
    configuration: Configuration, trained: Mapping[str, Sequence[Unit]]
) -> list[Finding]:
    members = configuration.read("members", dict)
    others = [*configuration.read("embeddings", dict), *members]
    return [
        *requirements.examine_members(members),
        *map(Finding, leftovers.examine(trained, others, students(configuration.whole))),
        *disk.examine(configuration, trained),
    ]
