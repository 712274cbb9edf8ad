"""What is compiled: the table's encoders on its machines, and the recipes with their own rows."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.bases import root
from pipeline.configuration import Configuration
from pipeline.params import Compute, Model, Rows, Split
from pipeline.recipes import compose, ready
from tpu_check.chips import MACHINES
from tpu_check.configs import CONFIGS, ENCODERS
from tpu_check.folds import Folds
from tpu_check.measure import Case

RECIPES = Path(__file__).parents[1] / "recipes"
TABLE_MACHINES = ("v5e-8", "v5e-1", "v3-8", "v5e-16")
ATTENTION_MACHINES = ("v5e-1",)
FOLDS_MACHINES = ("v5e-8", "v6e-8", "v5p-8")
_RECIPES_MACHINE = "v5e-8"


def for_tpus() -> list[str]:
    """Names of the recipes whose platform is a TPU."""
    composed = ((path.stem, compose(path, RECIPES)) for path in ready(RECIPES))
    return [
        name
        for name, made in composed
        if made.configuration.read("compute", Compute).platform == "tpu"
    ]


def table(
    encoders: Sequence[str], machines: Sequence[str], lengths: Sequence[int], attention: str | None
) -> Iterator[Case]:
    """Each encoder's train and predict steps on each machine at each row length."""
    for name in encoders:
        encoder = ENCODERS[name]
        configuration = compose(RECIPES / f"{encoder.recipe}.yaml", RECIPES).configuration
        model, compute = (
            next(iter(_models(configuration).values())),
            configuration.read("compute", Compute),
        )
        for machine in machines:
            for length in lengths:
                own = {
                    "length": length,
                    "per_step": MACHINES[machine].cores * encoder.tokens // length,
                }
                rows = dataclasses.replace(model.train.rows, **own)
                train = dataclasses.replace(
                    model.train,
                    rows=rows,
                    accumulation=1,
                    remat="selective",
                    attention=attention or model.train.attention,
                )
                case = Case(
                    title=name,
                    encoder=encoder.name,
                    fields=CONFIGS[encoder.source],
                    machine=machine,
                    train=train,
                    rows=rows,
                    compute=compute,
                )
                yield case
                yield _predicting(case, model, rows)


def recipes(names: Sequence[str], attention: str | None) -> Iterator[Case]:
    """Both steps of every model of these recipes, seeds apart.

    Raises:
      KeyError: a recipe's backbone has no config in `configs.py`.
    """
    for _, case, model in _training(names, _RECIPES_MACHINE, attention):
        yield case
        yield _predicting(case, model, model.predict)


def folds(names: Sequence[str], machines: Sequence[str], attention: str | None) -> Iterator[Folds]:
    """All folds of every model of these recipes on each machine, seeds apart.

    Raises:
      KeyError: a recipe's backbone has no config in `configs.py`.
    """
    for machine in machines:
        for configuration, case, _ in _training(names, machine, attention):
            yield Folds(case, configuration.read("split", Split).n_folds)


def _training(
    names: Sequence[str], machine: str, attention: str | None
) -> Iterator[tuple[Configuration, Case, Model]]:
    """The train step of every model of these recipes, and where it stands."""
    for name in names:
        configuration = compose(RECIPES / f"{name}.yaml", RECIPES).configuration
        seen: list[Any] = []
        models = _models(configuration)
        for key, model in models.items():
            # What labels are, and what weights, changes next to nothing of the program.
            train = dataclasses.replace(
                model.train,
                attention=attention or model.train.attention,
                seed=0,
                soft_labels="none",
            )
            source = models[root(configuration, key)].backbone.source
            if (source, train) in seen:
                continue
            seen.append((source, train))
            case = Case(
                title=name,
                encoder=model.encoder,
                fields=CONFIGS[source],
                machine=machine,
                train=train,
                rows=train.rows,
                compute=configuration.read("compute", Compute),
            )
            yield configuration, case, model


def _predicting(case: Case, model: Model, rows: Rows) -> Case:
    """The predict step of the same model; it has a dtype of its own."""
    compute = dataclasses.replace(case.compute, dtype=model.predict.dtype)
    return dataclasses.replace(case, compute=compute, rows=rows, trains=False)


def _models(configuration: Configuration) -> dict[str, Model]:
    return configuration.read("models", dict)
