"""Every examination of a configuration, in the order in which stages would meet the mistakes."""

from pathlib import Path

from pipeline import params
from pipeline.configuration import Configuration, load_configuration
from pipeline.doctor import disk, inputs, leftovers, machine
from pipeline.doctor.findings import Finding, refusals


def examine(path: Path, accelerator: str | None, model: str | None) -> list[Finding]:
    """List what stands in the way of a configuration, and what there is to know beforehand.

    Args:
      path: of the configuration.
      accelerator: the build of JAX that make was asked for; None where it was not.
      model: the only one that is to run, up to its training; None for the whole graph.
    """
    wrong = refusals(load_configuration, path)
    if wrong:
        return [Finding(line) for line in wrong]
    configuration = load_configuration(path)
    models = configuration.read("models", dict)
    if model is not None:
        wrong = refusals(configuration.named, "models", model)
        if wrong:
            return [Finding(line) for line in wrong]
        models = {model: models[model]}
    found = [
        *inputs.examine_data(configuration.read("data", params.Data)),
        *map(
            Finding,
            machine.examine(configuration.read("compute", params.Compute), models, accelerator),
        ),
        *inputs.examine_models(models),
    ]
    if model is None:
        found += _of_the_whole(configuration)
    return found


def _of_the_whole(configuration: Configuration) -> list[Finding]:
    models, members = configuration.read("models", dict), configuration.read("members", dict)
    folds = configuration.read("folds", list)
    return [
        *inputs.examine_members(members),
        *map(Finding, leftovers.examine(models, members, folds)),
        *disk.examine(models, folds, Path(configuration.read("data", params.Data).source)),
    ]
