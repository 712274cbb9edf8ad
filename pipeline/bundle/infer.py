"""Inference on Kaggle, once the wheels are on the path: from the hidden test to submission.csv.

The library's own functions clean, tokenize, predict and pool. Added here: nothing odd in the hidden
test ends the run, and the run keeps within its time and memory.
"""

import math
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from pipeline import devices as machine
from pipeline import params
from pipeline.bundle import contents
from pipeline.bundle.blend import ANY, Blend, read_blend
from pipeline.bundle.bundled_embedding import PASS, BundledEmbedding
from pipeline.bundle.bundled_model import Bundled, BundledModel
from pipeline.bundle.forecast import forecast
from pipeline.bundle.pace import seconds_per_essay
from pipeline.bundle.predicting import predicting_units
from pipeline.bundle.prepare import Prepared, Reader, prepare
from pipeline.bundle.report import Report
from pipeline.bundle.time_limit import Clock, turns
from pipeline.competition.hidden import ESSAYS, Hidden
from pipeline.competition.schema import LABELS, TASK
from pipeline.configuration import Configuration, load_configuration
from pipeline.durations import span
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs.tokenizer import open_tokenizer
from pipeline.members.embedding_fits import load as load_fit
from pipeline.members.fitted import load
from pipeline.memory import peak_megabytes
from pipeline.progress import say
from pipeline.reserved import BASELINE
from pipeline.tables.submission import write_submission
from pipeline.topics.clustering import load as load_topics
from pipeline.units import Unit

ByUnit = Callable[[Unit], Float[np.ndarray, "elements labels"]]
"""A function from a unit of training to its probabilities."""

# Laps beside those of the models' folds; no model has such a name.
_ENCODING, _COMPILATION = "clean, tokenize, baseline", "compilation, a step"

_NAMED = 20  # essays without a prediction that are named; the others are counted


def infer(bundle: Path, competition: Path, output: Path, clock: Clock) -> None:
    """Predict the hidden test; write submission.csv, and what it took into inference.json.

    Args:
      bundle: checked files of a bundle.
      competition: the folder of the competition's test, in Kaggle's layout.
      output: an existing folder.
      clock: started with the session.

    Raises:
      UserError: the bundle is not whole, or there is no id to predict.
    """
    configuration = load_configuration(bundle / contents.PARAMETERS)
    blend = read_blend(bundle)
    folds = sorted(configuration.read("folds", list))
    embeddings = configuration.read("embeddings", dict)
    models = [name for name in blend.members if name not in (BASELINE, *embeddings)]
    trained = {model: predicting_units(configuration, model) for model in models}
    trained |= {name: [PASS] for name in embeddings}
    backend = machine.start_best()
    dtypes = [_settings(configuration, m).dtype for m in models]
    say(devices_line(backend, map(backend.dtype, dtypes)))
    hidden = Hidden(competition)
    say(f"{len(hidden.order):,} elements of {len(hidden.essays):,} essays to predict")
    readers = {m: _reader(bundle, configuration, m) for m in models}
    baseline = [load(contents.baseline(bundle, fold)) for fold in folds]

    def encode(test: Hidden, folder: Path) -> Prepared:
        return prepare(test, configuration.read("clean", params.Clean), readers, baseline, folder)

    with tempfile.TemporaryDirectory() as scratch:
        prepared = encode(hidden, Path(scratch))
        _refuse_most(hidden, prepared)
        clock.lap(_ENCODING)
        bundled = {
            **_build(bundle, configuration, models, backend, prepared),
            **_build_embeddings(bundle, configuration, backend, prepared),
        }
        more = seconds_per_essay(hidden, encode) * (ESSAYS - len(hidden.essays))
        ahead = _look_ahead(bundle, bundled, trained, clock)
        expected = forecast(ESSAYS, ahead, trained, clock.elapsed + more, clock.limit)
        say(f"forecast: {expected}")
        found = predict_folds({m: one.predict for m, one in bundled.items()}, trained, clock)
    rows = _rows(hidden.order, prepared)
    members = _members(blend, rows, prepared, found.means)
    types = [hidden.types.get(i, ANY) for i in hidden.order]
    probabilities = blend.predict(members, types, prepared.surroundings.select(rows))
    path = output / "submission.csv"
    write_submission(path, hidden.order, hidden.order, probabilities)
    for note in _few(hidden.notes + prepared.notes):
        say(f"odd: {note}")
    without = _say_lacking(blend.members, members)
    say(f"{path}: {len(hidden.order):,} rows")
    Report(
        platform=backend.platform,
        dtypes={m: one.dtype for m, one in bundled.items()},
        rows=len(hidden.order),
        rows_without_prediction=without,
        folds=found.done,
        forecast=expected,
        laps=clock.laps,
        seconds=clock.elapsed,
        peak_megabytes=peak_megabytes(),
    ).write(output)


def devices_line(backend: machine.Backend, dtypes: Iterable[str]) -> str:
    """Return the log's line that says what a run computes on; nothing else begins like it."""
    return ", ".join([f"on {backend}", *sorted(set(dtypes))])


def _refuse_most(hidden: Hidden, prepared: Prepared) -> None:
    """End the run where most elements can't be encoded: the bundle or the image is at fault then.

    Kaggle shows the log of the run on the few public essays only, so it has to fail there.

    Raises:
      UserError: more than half of the essays failed, or more than half of the elements.
    """
    failed, left, all_of_them = len(prepared.failed), len(prepared.element_ids), len(hidden.types)
    if 2 * failed > len(hidden.essays) or 2 * left < all_of_them:
        notes = prepared.failed + hidden.notes
        raise UserError(
            f"{failed:,} of {len(hidden.essays):,} essays and {all_of_them - left:,} of "
            f"{all_of_them:,} elements failed: {notes[0]}"
        )


def _reader(bundle: Path, configuration: Configuration, model: str) -> Reader:
    inputs = configuration.read(f"models.{model}.inputs", params.Inputs)
    topics = load_topics(contents.topics(bundle, inputs.topic)) if inputs.topic else None
    return Reader(open_tokenizer(contents.model(bundle, model), TASK), inputs, topics)


def _settings(configuration: Configuration, model: str) -> params.Predict:
    return configuration.read(f"models.{model}.predict", params.Predict)


def _build(
    bundle: Path,
    configuration: Configuration,
    models: Sequence[str],
    backend: machine.Backend,
    prepared: Prepared,
) -> dict[str, Bundled]:
    """Build every model on its windows of the test."""
    return {
        model: BundledModel(
            bundle,
            model,
            configuration.read(f"models.{model}.encoder", str),
            _settings(configuration, model),
            backend,
            prepared.tokens(model),
        )
        for model in models
    }


def _build_embeddings(
    bundle: Path, configuration: Configuration, backend: machine.Backend, prepared: Prepared
) -> dict[str, Bundled]:
    """Build every member of embeddings on the windows of its model."""
    there: dict[str, params.Embeddings] = configuration.read("embeddings", dict)
    folds = sorted(configuration.read("folds", list))
    return {
        name: BundledEmbedding(
            bundle,
            name,
            options.model,
            configuration.read(f"models.{options.model}.encoder", str),
            _settings(configuration, options.model),
            backend,
            prepared.tokens(options.model),
            prepared.measures,
            [load_fit(contents.embedding(bundle, name, fold)) for fold in folds],
        )
        for name, options in there.items()
    }


def _look_ahead(
    bundle: Path,
    models: Mapping[str, Bundled],
    trained: Mapping[str, Sequence[Unit]],
    clock: Clock,
) -> dict[str, float]:
    """Time every model, and let the clock expect its folds.

    Returns:
      Seconds of a fold of each model over the hidden test.
    """
    workload, seconds = read_json(bundle / contents.WORKLOAD), {}
    for name, model in models.items():
        pace, train = model.pace(trained[name][0]), workload[name]
        clock.expect(name, pace.fold(model.n_rows))
        # By the training essays, for the few public ones may be short or long.
        seconds[name] = pace.fold(math.ceil(ESSAYS * train["rows"] / train["essays"]))
        clock.lap(_COMPILATION, f"{name}: compilation and a step")
    return seconds


class Predicted(NamedTuple):
    """The models' predictions.

    Attributes:
      means: over the folds of each model that has any.
      done: the number of these folds.
    """

    means: dict[str, Float[np.ndarray, "elements labels"]]
    done: dict[str, int]


def predict_folds(
    models: Mapping[str, ByUnit], trained: Mapping[str, Sequence[Unit]], clock: Clock
) -> Predicted:
    """Average every model's predictions over its folds, full fits and seeds.

    A fold that would not end before the session's limit is left out, and the log says so: a mean
    over fewer folds, or a blend of fewer models, is still a submission; a run that is cut off has
    none. The clock's expectations tell before any fold of a model was predicted.
    """
    sums: dict[str, Any] = {}
    done = dict.fromkeys(models, 0)
    left = list(turns({name: clock.seconds(name) for name in models}, trained))
    while left:
        unit, name = left.pop(0)
        if not clock.allows(name):
            say(f"{name} {unit.title}: left out, it would not be done in time")
            continue
        sums[name] = sums.get(name, 0.0) + models[name](unit)
        done[name] += 1
        clock.lap(name, f"{name} {unit.title}", [other for _, other in left])
    for name in models:
        if not done[name]:
            takes = f"about {span(clock.seconds(name))} each"
            say(f"{name}: left out, not one fold would be done in time ({takes})")
    return Predicted({name: total / done[name] for name, total in sums.items()}, done)


def _rows(order: Sequence[str], prepared: Prepared) -> Int[np.ndarray, " rows"]:
    """Return the row of each element of the submission among the encoded ones; -1 for none."""
    place = {element_id: i for i, element_id in enumerate(prepared.element_ids)}
    return np.array([place.get(element_id, -1) for element_id in order], np.int64)


def _members(
    blend: Blend,
    rows: Int[np.ndarray, " rows"],
    prepared: Prepared,
    found: Mapping[str, Float[np.ndarray, "elements labels"]],
) -> Float[np.ndarray, "rows members labels"]:
    """Bring every member's probabilities into the submission's order; NaN where there are none."""
    out = np.full((len(rows), len(blend.members), len(LABELS)), np.nan)
    baseline = np.concatenate(prepared.baseline).mean(axis=1)
    mean = {**found, BASELINE: baseline}
    lost = np.full_like(baseline, np.nan)
    stacked = np.stack([mean.get(name, lost) for name in blend.members], axis=1)
    out[rows >= 0] = stacked[rows[rows >= 0]]
    return out


def _say_lacking(names: Sequence[str], members: Float[np.ndarray, "rows members labels"]) -> int:
    """Say how many elements lack members; return the number of those that lack all."""
    there = np.asarray(np.isfinite(members).all(axis=2))
    some = np.asarray(there.any(axis=1))
    without = int(np.count_nonzero(~some))
    if without:
        say(f"{without:,} elements have no prediction: they get their type's priors")
    for name, own in zip(names, there.T, strict=True):
        fewer = int(np.count_nonzero(some & ~own))
        if fewer:
            say(f"{fewer:,} elements are blended without {name}")
    return without


def _few(notes: Sequence[str]) -> list[str]:
    more = [f"and {len(notes) - _NAMED:,} more"] if len(notes) > _NAMED else []
    return [*notes[:_NAMED], *more]
