"""Inference on Kaggle, once the wheels are on the path: from the hidden test to submission.csv.

The library's own functions clean, tokenize, predict and pool. Added here: nothing odd in the hidden
test ends the run, and the run keeps within its time and memory.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from pipeline import devices as machine
from pipeline import params
from pipeline.bundle import contents
from pipeline.bundle.blend import ANY, Blend, read_blend
from pipeline.bundle.bundled_model import BundledModel
from pipeline.bundle.prepare import Prepared, Reader, prepare
from pipeline.bundle.time_limit import Clock
from pipeline.competition.hidden import Hidden
from pipeline.competition.schema import LABELS, TASK
from pipeline.configuration import Configuration, load_configuration
from pipeline.errors import UserError
from pipeline.files import write_json
from pipeline.inputs.tokenizer import open_tokenizer
from pipeline.members.fitted import load
from pipeline.memory import peak_megabytes
from pipeline.progress import say
from pipeline.tables.submission import write_submission

ByFold = Callable[[int], Float[np.ndarray, "elements labels"]]
"""A function from a fold to its probabilities."""

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
    blend = read_blend(bundle / contents.BLEND)
    folds = sorted(configuration.read("folds", list))
    models = [member for member in blend.members if member != "baseline"]
    settings = {m: configuration.read(f"models.{m}.predict", params.Predict) for m in models}
    backend = machine.start_best()
    dtypes = {m: backend.dtype(settings[m].dtype) for m in models}
    say(devices_line(backend, dtypes.values()))
    hidden = Hidden(competition)
    say(f"{len(hidden.order):,} elements of {len(hidden.essays):,} essays to predict")
    with tempfile.TemporaryDirectory() as scratch:
        prepared = prepare(
            hidden,
            configuration.read("clean", params.Clean),
            {m: _reader(bundle, configuration, m) for m in models},
            [load(contents.baseline(bundle, fold)) for fold in folds],
            Path(scratch),
        )
        _refuse_most(hidden, prepared)
        clock.lap("clean, tokenize, baseline")
        predictors = {
            m: BundledModel(
                bundle,
                m,
                configuration.read(f"models.{m}.encoder", str),
                settings[m],
                backend,
                prepared.tokens(m),
            ).predict
            for m in models
        }
        found = predict_folds(predictors, folds, clock)
    members = _members(blend, hidden.order, prepared, found)
    probabilities = blend.predict(members, [hidden.types.get(i, ANY) for i in hidden.order])
    path = output / "submission.csv"
    write_submission(path, hidden.order, hidden.order, probabilities)
    without = int(np.count_nonzero(np.isnan(members).any(axis=(1, 2))))
    for note in _few(hidden.notes + prepared.notes):
        say(f"odd: {note}")
    if without:
        say(f"{without:,} elements have no prediction: they get their type's priors")
    say(f"{path}: {len(hidden.order):,} rows")
    content = {
        "platform": backend.platform,
        "dtypes": dtypes,
        "rows": len(hidden.order),
        "rows_without_prediction": without,
    }
    write_json(output / "inference.json", content | _spent(clock))


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
    return Reader(open_tokenizer(contents.model(bundle, model), TASK), inputs)


def predict_folds(
    models: Mapping[str, ByFold], folds: Sequence[int], clock: Clock
) -> dict[str, Float[np.ndarray, "elements labels"]]:
    """Average every model's predictions over its folds.

    The first fold of every model comes first. A further fold that would not end before the
    session's limit is left out, and the log says so.
    """
    sums: dict[str, Any] = {}
    done: Counter[str] = Counter()
    # Folds outside, models inside: when time runs out every model has predicted at least once, and
    # the pool needs them all.
    left = [(fold, name) for fold in folds for name in models]
    while left:
        fold, name = left.pop(0)
        # A mean over fewer folds is still a submission; a run that is cut off has none.
        if done[name] and not clock.allows(name):
            say(f"{name} fold {fold}: left out, it would not be done in time")
            continue
        sums[name] = sums.get(name, 0.0) + models[name](fold)
        done[name] += 1
        clock.lap(name, f"{name} fold {fold}", [other for _, other in left])
    return {name: total / done[name] for name, total in sums.items()}


def _members(
    blend: Blend,
    order: Sequence[str],
    prepared: Prepared,
    found: Mapping[str, Float[np.ndarray, "elements labels"]],
) -> Float[np.ndarray, "rows members labels"]:
    """Bring every member's probabilities into the submission's order; NaN where there are none."""
    out = np.full((len(order), len(blend.members), len(LABELS)), np.nan)
    mean = {**found, "baseline": np.concatenate(prepared.baseline).mean(axis=1)}
    stacked = np.stack([mean[name] for name in blend.members], axis=1)
    place = {element_id: i for i, element_id in enumerate(prepared.element_ids)}
    rows = np.array([place.get(element_id, -1) for element_id in order])
    out[rows >= 0] = stacked[rows[rows >= 0]]
    return out


def _few(notes: Sequence[str]) -> list[str]:
    more = [f"and {len(notes) - _NAMED:,} more"] if len(notes) > _NAMED else []
    return [*notes[:_NAMED], *more]


def _spent(clock: Clock) -> dict[str, Any]:
    return {
        "laps": [{"part": part, "seconds": round(seconds, 2)} for part, seconds in clock.laps],
        "seconds": round(clock.elapsed, 2),
        "peak_megabytes": round(peak_megabytes()),
    }
