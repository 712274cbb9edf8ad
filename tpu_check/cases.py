"""What is compiled: the table's encoders on every machine, and the recipes with their own rows."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.configuration import Configuration
from pipeline.params import Compute, Model, Rows
from pipeline.recipes import compose, ready
from tpu_check.chips import MACHINES
from tpu_check.configs import CONFIGS, ENCODERS
from tpu_check.measure import Case

RECIPES = Path(__file__).parents[1] / "recipes"
_RECIPES_MACHINE = "v5e-8"


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


def recipes(attention: str | None) -> Iterator[Case]:
    """Both steps of every model of every recipe whose platform is a TPU, seeds apart.

    Raises:
      KeyError: a recipe's backbone has no config in `configs.py`.
    """
    for path in ready(RECIPES):
        configuration = compose(path, RECIPES).configuration
        compute = configuration.read("compute", Compute)
        if compute.platform != "tpu":
            continue
        seen: list[Any] = []
        for model in _models(configuration).values():
            train = dataclasses.replace(
                model.train, attention=attention or model.train.attention, seed=0
            )
            if (model.backbone.source, train) in seen:
                continue
            seen.append((model.backbone.source, train))
            case = Case(
                title=path.stem,
                encoder=model.encoder,
                fields=CONFIGS[model.backbone.source],
                machine=_RECIPES_MACHINE,
                train=train,
                rows=train.rows,
                compute=compute,
            )
            yield case
            yield _predicting(case, model, model.predict)


def _predicting(case: Case, model: Model, rows: Rows) -> Case:
    """The predict step of the same model; it has a dtype of its own."""
    compute = dataclasses.replace(case.compute, dtype=model.predict.dtype)
    return dataclasses.replace(case, compute=compute, rows=rows, trains=False)


def _models(configuration: Configuration) -> dict[str, Model]:
    return configuration.read("models", dict)
