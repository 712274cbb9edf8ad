"""Cost of activations in float16, as older GPUs compute: python -m bench.float16.

Predicts every held-out essay of the finished graph in float32 and in float16, on what is there. A
CPU may keep a sum in float32 for longer than a GPU does.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from bench import frame, tables
from pipeline import devices as machine
from pipeline import params, paths
from pipeline.competition.schema import LABELS
from pipeline.configuration import Configuration, load_configuration
from pipeline.configured_units import configured_units
from pipeline.errors import exit_with_message
from pipeline.inference.predictor import Predictor
from pipeline.inputs.tokens import read_tokens
from pipeline.metrics import log_loss
from pipeline.seed_means import seed_means
from pipeline.tables.elements import read_elements
from pipeline.tables.essay_folds import held_out
from pipeline.units import Unit


class Cost(NamedTuple):
    """Log losses out of fold.

    Attributes:
      whole: in float32.
      half: in float16.
      largest: change of a probability.
      dtype: in which the last fold ended; float32 where a logit was not finite in float16.
    """

    whole: float
    half: float
    largest: float
    dtype: str


def main() -> None:
    """Print a row for each model, and the machine."""
    parser = frame.parser(__doc__ or "")
    parser.add_argument("--models", nargs="+", help="keys of models in params.yaml; all by default")
    arguments = parser.parse_args()
    configuration = load_configuration()
    backend = machine.start_best()
    header = ("model", "float32", "float16", "change", "largest change of a probability", "ends in")
    rows = []
    for model in arguments.models or configuration.read("models", dict):
        found = cost(configuration, configuration.named("models", model), backend)
        change = f"{found.half - found.whole:+.6f}"
        losses = (f"{found.whole:.6f}", f"{found.half:.6f}", change, f"{found.largest:.6f}")
        rows.append([model, *losses, found.dtype])
    print(tables.table(header, rows), end="\n\n")
    print(tables.machine(()))


def cost(configuration: Configuration, model: str, backend: machine.Backend) -> Cost:
    """Predict every labelled element by the fold that did not train on its essay, twice."""
    labels = read_elements(sorted(configuration.read("folds", list))).labels
    (whole, _), (half, dtype) = (
        _out_of_fold(configuration, model, asked, backend) for asked in ("float32", "float16")
    )
    largest = float(np.abs(half - whole).max())
    return Cost(log_loss(labels, whole), log_loss(labels, half), largest, dtype)


def _out_of_fold(
    configuration: Configuration, model: str, dtype: str, backend: machine.Backend
) -> tuple[Float[np.ndarray, "elements labels"], str]:
    """Return probabilities, and the dtype in which the last fold ended."""
    trained = configured_units(configuration)
    elements = read_elements(sorted({unit.fold for unit in trained}))
    tokens = read_tokens(paths.tokens(model, "train"))
    settings = configuration.read(f"models.{model}.predict", params.Predict)
    settings = dataclasses.replace(settings, dtype=dtype)
    encoder = configuration.read(f"models.{model}.encoder", str)
    predictor = Predictor.of_folder(paths.weights(model, trained[0]), encoder, settings, backend)
    out = np.full((len(elements), len(LABELS)), np.nan)

    def predict(unit: Unit) -> Float[np.ndarray, "elements labels"]:
        windows = np.flatnonzero(held_out(tokens.essay_ids, unit.fold))
        weights = predictor.load(paths.weights(model, unit))
        name = f"{model} fold {unit} in {dtype}"
        rows = predictor.probabilities(weights, tokens, windows, name)
        return rows[elements.folds == unit.fold]

    for fold, mean in seed_means(trained, predict):
        out[elements.folds == fold] = mean
    return out, predictor.dtype


if __name__ == "__main__":
    exit_with_message(main)
