"""Refusals of later stages that are known before a fold trains: hours lie between."""

from pipeline import paths
from pipeline.entries import check_leftovers, guarded_folders
from pipeline.errors import UserError
from pipeline.inputs.packing import check_rows
from pipeline.inputs.tokens import read_tokens
from pipeline.params import Parameters
from pipeline.tables.essay_folds import read_folds
from pipeline.teachers import students
from pipeline.units import units


def check_later_stages(parameters: Parameters, model: str, *, full: bool = False) -> None:
    """Look for what `predict`, `evaluate` and `ensemble` would stop at, of what is there by now.

    Args:
      parameters: the whole configuration.
      model: whose fold is about to train. `tokenize` makes its test tokens with those that it
        trains on, so they are fresh; any other model's may be stale.
      full: whether it is a full fit, which reads no split: a stale one may be there, or none.

    Raises:
      UserError: another configuration left folds or members, rows of prediction are too short for
        a test window, or there are fewer essays than nested folds.
    """
    folds = parameters.folds
    trained = {
        name: units(folds, parameters.seeds, full=name in parameters.full)
        for name in parameters.models
    }
    others = [*parameters.embeddings, *parameters.members]
    for held in guarded_folders(trained, others, students(parameters)):
        check_leftovers(*held)
    tokens = read_tokens(paths.tokens(model, "test"))
    where = f"params.yaml: models.{model}.predict"
    check_rows(tokens.lengths, tokens.n_slots, parameters.models[model].predict, where)
    if full:
        return
    essays = sum(fold in folds for fold in read_folds().values())
    nested = parameters.ensemble.nested_folds
    if essays < nested:
        raise UserError(
            f"params.yaml: ensemble.nested_folds: {nested}; expected at most {essays}, one for "
            "each essay"
        )
