"""Try settings on one fold against the present configuration: `make try`.

Both are trained in a copy of the project, or restored from DVC's cache, and the workspace stays as
it is. What the variant brought is added to trials.jsonl.
"""

import argparse
import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pipeline import git, paths
from pipeline.configuration import Configuration, ConfigurationError, load_configuration, read_text
from pipeline.doctor.examine import examine
from pipeline.errors import UserError, exit_with_message
from pipeline.evaluation.head_to_head import HeadToHead, judge
from pipeline.evaluation.sides import Probabilities
from pipeline.files import read_json
from pipeline.graph import code_hash
from pipeline.graph.project_copy import ProjectCopy, held
from pipeline.mistakes import nearest
from pipeline.progress import say
from pipeline.settings import parse_settings, with_settings
from pipeline.tables.elements import Elements, read_elements
from pipeline.tables.gather import gather_fold
from pipeline.trials import TRIALS, Trial, add
from pipeline.units import Unit

_PARAMETERS = Path("params.yaml")
# Of these the variant would hold out other essays, and there would be nothing to pair.
_OTHER_ESSAYS = ("data", "split", "folds")
# Nothing of these reaches a fold.
_AFTER = ("baseline", "embeddings", "full", "members", "ensemble", "session")
_DIGITS = 6


class _Trained(NamedTuple):
    """A fold of one of the two configurations.

    Attributes:
      elements: those that it holds out.
      probabilities: of them.
      seconds: of the process that ended its training.
    """

    elements: Elements
    probabilities: Probabilities
    seconds: float


def main(argv: Sequence[str] | None = None) -> None:
    """Train both; print the comparison, the verdict last."""
    parser = argparse.ArgumentParser(
        prog="commands.trial",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--set", required=True, help="key=value, several apart by spaces")
    parser.add_argument("--fold", type=int, default=0, help="0 if none")
    parser.add_argument("--model", help="the one that SET names, or the only one, if none")
    wanted = parser.parse_args(argv)
    settings, fold = parse_settings(wanted.set), wanted.fold
    text, base = read_text(_PARAMETERS), load_configuration()
    model = _model(base, settings, wanted.model)
    _check(base, settings, fold)
    # The fold alone, which need not be one of the configuration's.
    alone = {"folds": [fold]}
    former = with_settings(text, alone, _PARAMETERS)
    variant = with_settings(text, settings | alone)
    if variant.text == former.text:
        raise UserError(f"SET: {_PARAMETERS} has all of it already")
    with held() as copy:
        _examine(copy, variant.text, model)
        b = _train(copy, former.text, model, fold)
        a = _train(copy, variant.text, model, fold)
    name = " ".join(f"{key}={_written(value)}" for key, value in settings.items())
    found = judge(b.elements, (name, a.probabilities), (_PARAMETERS.name, b.probabilities))
    encoder = variant.configuration.read(f"models.{model}.encoder", str)
    count = add(
        TRIALS,
        Trial(
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            commit=_commit(),
            parameters=hashlib.sha256(text.encode()).hexdigest(),
            code={name: code_hash.of(name) for name in ("train", code_hash.network(encoder))},
            model=model,
            fold=fold,
            settings=settings,
            essays=found.essays,
            **_figures(found),
            seconds=a.seconds,
            base_seconds=b.seconds,
        ),
    )
    *lines, verdict = found.lines
    for line in lines:
        say(line)
    say(f"{TRIALS}: {count} trial{'s' if count > 1 else ''}")
    say(verdict)


def _model(base: Configuration, settings: Mapping[str, Any], wanted: str | None) -> str:
    """Return the model that was asked for, that SET names, or the only one.

    Raises:
      UserError: there is no such one, or more than one.
    """
    if wanted is not None:
        return base.named("models", wanted)
    models = base.read("models", dict)
    named = {key.split(".")[1] for key in settings if key.startswith("models.") and "." in key[7:]}
    candidates = sorted(named or models)
    if len(candidates) != 1:
        found = ", ".join(candidates) or "none"
        raise UserError(f"MODEL: expected one of {', '.join(models) or 'none'}, found {found}")
    return base.named("models", candidates[0])


def _check(base: Configuration, settings: Mapping[str, Any], fold: int) -> None:
    for key in settings:
        section = key.partition(".")[0]
        if section in _OTHER_ESSAYS:
            raise UserError(f"SET: {key}: the fold would hold out other essays than params.yaml's")
        if section not in vars(base.whole):
            raise UserError(f"SET: unknown key {section!r}{nearest(section, vars(base.whole))}")
        if section in _AFTER:
            raise UserError(f"SET: {key}: no fold's training depends on it; use `make compare`")
    n_folds = base.whole.split.n_folds
    if not 0 <= fold < n_folds:
        raise UserError(f"FOLD: expected one below split.n_folds ({n_folds}), found {fold}")


def _examine(copy: ProjectCopy, text: str, model: str) -> None:
    """Look for what would stop the variant, as `make doctor` does."""
    path = copy.folder / _PARAMETERS
    path.write_text(text, encoding="utf-8")
    wrong = [finding.text for finding in examine(path, None, model) if finding.error]
    if wrong:
        raise ConfigurationError(
            [f"SET: {line.removeprefix(f'{_PARAMETERS}: ')}" for line in wrong]
        )


def _train(copy: ProjectCopy, text: str, model: str, fold: int) -> _Trained:
    copy.reproduce(f"train@{model}-{fold}", text)
    with contextlib.chdir(copy.folder):
        elements = read_elements([fold]).of_folds([fold])
        unit = Unit(fold)
        table = paths.fold(model, unit) / "oof.parquet"
        timing = read_json(paths.timing(model, unit))
        return _Trained(elements, gather_fold(table, fold, elements), float(timing["seconds"]))


def _figures(found: HeadToHead) -> dict[str, Any]:
    pair = found.paired
    figures = {
        "log_loss": found.a.log_loss,
        "base_log_loss": found.b.log_loss,
        "difference": pair.difference,
        "low": pair.low,
        "high": pair.high,
        "smallest": pair.smallest,
    }
    return {key: round(value, _DIGITS) for key, value in figures.items()} | {
        "verdict": pair.verdict
    }


def _commit() -> str | None:
    head = git.ask("rev-parse", "--quiet", "--verify", "HEAD")
    if head is None:
        return None
    excluded = f":(exclude){TRIALS}"
    clean = git.ask("diff", "--quiet", "HEAD", "--", ".", excluded) is not None
    return head.strip() if clean else f"{head.strip()}-dirty"


def _written(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)


if __name__ == "__main__":
    exit_with_message(main)
