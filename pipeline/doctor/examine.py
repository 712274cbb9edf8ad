"""Every examination of a board, in the order in which its stages would meet the mistakes."""

from pathlib import Path

from pipeline import params
from pipeline.doctor import disk, inputs, leftovers, machine
from pipeline.doctor.findings import Finding, refusals


def examine(path: Path, accelerator: str | None, model: str | None) -> list[Finding]:
    """List everything that stands in the way of a board, and what there is to know beforehand.

    Args:
      path: of the board.
      accelerator: the build of JAX that make was asked for; None where it was not.
      model: the only one that is to run, up to its training; None for the whole graph.
    """
    wrong = refusals(params.load, path)
    if wrong:
        return [Finding(line) for line in wrong]
    board = params.load(path)
    models = board.read("models", dict)
    if model is not None:
        wrong = refusals(board.named, "models", model)
        if wrong:
            return [Finding(line) for line in wrong]
        models = {model: models[model]}
    found = [
        *inputs.examine_data(board.read("data", params.Data)),
        *map(Finding, machine.examine(board.read("compute", params.Compute), models, accelerator)),
        *inputs.examine_models(models),
    ]
    if model is None:
        found += _of_the_whole(board)
    return found


def _of_the_whole(board: params.Board) -> list[Finding]:
    models, members = board.read("models", dict), board.read("members", dict)
    folds = board.read("folds", list)
    return [
        *inputs.examine_members(members),
        *map(Finding, leftovers.examine(models, members, folds)),
        *disk.examine(models, folds, Path(board.read("data", params.Data).source)),
    ]
