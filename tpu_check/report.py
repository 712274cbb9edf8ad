"""Figures as lines of Markdown tables, printed as they come."""

from tpu_check.attention import Line
from tpu_check.chips import MACHINES
from tpu_check.folds import Compared, seconds
from tpu_check.measure import Row

STEPS = (
    "step", "machine", "rows x tokens a core", "attention", "compile s (CPU s)", "HBM GiB", "of",
    "FLOPs a core, T", "of the model, T", "all-reduces (MB)", "moved GB", "optimal_seconds ms",
    "compiler ms", "roofline ms", "kernels ms", "random bits ms", "share of peak", "most rows",
)  # fmt: skip
FOLDS = (
    "recipe", "machine", "rows x tokens a step", "attention", "compile s (CPU s)",
    "HBM GiB, over all cores", "HBM GiB, alone on one", "of", "ms a step, over all cores",
    "ms a step, alone on one", "folds x steps of an epoch", "s an epoch, in turn",
    "s an epoch, at once (rounds)", "times as fast", "with a fold on every core",
)  # fmt: skip
ATTENTION = (
    "form", "machine", "compile s (CPU s)", "moved GB", "accessed GB", "temporary GB", "FLOPs, G",
    "compiler ms", "roofline ms", "kernels ms",
)  # fmt: skip


def header(names: tuple[str, ...]) -> str:
    """The first two lines of a table."""
    return f"{_line(names)}\n{_line(['---'] * len(names))}"


def step(row: Row) -> str:
    """A compiled step's line."""
    case, core = row.case, MACHINES[row.case.machine].core
    name = f"{case.title}, {'train' if case.trains else 'predict'}"
    remat = case.train.remat if case.trains else "none"
    again = "" if remat == "none" else f" {remat} remat"
    parts = case.train.accumulation if case.trains else 1
    shape = f"{f'{parts} x ' if parts > 1 else ''}{case.rows_per_core} x {case.rows.length}{again}"
    first = [name, case.machine, shape, row.attention]
    if row.compiled is None or row.timing is None:
        return _line([*first, f"does not fit: {row.reason}"])
    t, made = row.timing, row.compiled
    optimal = f"{1e3 * made.optimal:,.1f}" if made.optimal > 0 else "negative"
    return _line(
        [
            *first,
            f"{made.seconds:.0f} ({made.processor:.0f})",
            _gibibytes(row),
            f"{core.memory / 2**30:.2f}",
            f"{t.flops / 1e12:.2f}",
            f"{row.model_flops / 1e12:.2f}",
            f"{t.reduces} ({t.exchanged / 1e6:,.0f})",
            f"{t.bytes / 1e9:.1f}",
            optimal,
            *(f"{1e3 * s:.1f}" for s in (t.compiler, t.roofline, t.kernels, t.random)),
            f"{100 * row.share:.0f} %",
            "" if row.most is None else str(row.most),
        ]
    )


def folds(found: Compared) -> str:
    """A recipe's line on a machine: its folds one after another and at once."""
    case, alone, fitting = found.folds.shared, found.alone, found.fitting
    parts = fitting.case.train.accumulation
    divided = "" if fitting is alone else f" in {parts} parts ({_gibibytes(alone)} at once)"
    made = [row.compiled for row in (found.shared, fitting) if row.compiled is not None]
    return _line(
        [
            case.title,
            case.machine,
            f"{case.rows.per_step} x {case.rows.length}",
            fitting.attention,
            f"{sum(c.seconds for c in made):.0f} ({sum(c.processor for c in made):.0f})",
            _gibibytes(found.shared),
            f"{_gibibytes(fitting)}{divided}",
            f"{MACHINES[case.machine].core.memory / 2**30:.2f}",
            *(f"{1e3 * seconds(row):.1f}" for row in (found.shared, fitting)),
            f"{found.folds.count} x {found.folds.steps}",
            f"{found.in_turn:.0f}",
            f"{found.at_once:.0f} ({found.rounds})",
            f"{found.in_turn / found.at_once:.2f}",
            f"{found.full:.2f}",
        ]
    )


def _gibibytes(row: Row) -> str:
    """Memory of a core, or what the compiler said of it."""
    if row.compiled is None:
        return f"does not fit: {row.reason}"
    return f"{row.compiled.memory / 2**30:.2f}{'' if row.fits else ' (too much)'}"


def attention(line: Line) -> str:
    """A form's line."""
    if line.compiled is None or line.timing is None:
        return _line([line.name, line.machine, f"not compiled: {line.reason}"])
    t = line.timing
    return _line(
        [
            line.name,
            line.machine,
            f"{line.compiled.seconds:.0f} ({line.compiled.processor:.0f})",
            f"{t.bytes / 1e9:.2f}",
            f"{line.compiled.accessed / 1e9:.2f}",
            f"{line.temporary / 1e9:.2f}",
            f"{t.flops / 1e9:.1f}",
            *(f"{1e3 * s:.2f}" for s in (t.compiler, t.roofline, t.kernels)),
        ]
    )


def failures(row: Row) -> list[str]:
    """What must not be: one line each, with the step it is in."""
    case = row.case
    machine = f"a core of {case.machine}" if case.alone else case.machine
    where = f"{case.title}, {'train' if case.trains else 'predict'}, {machine}"
    reason = row.reason or "more memory than a core has"
    found = [] if row.fits else [f"{where}: does not fit: {reason}"]
    return found + [f"{where}, rows of {case.rows.length}: {line}" for line in row.violations]


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
