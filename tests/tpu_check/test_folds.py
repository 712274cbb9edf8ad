"""All folds at once against one after another: what is compiled, how it is reckoned and told."""

import dataclasses
import math
from types import SimpleNamespace
from typing import Any

import pytest

from tpu_check import cases, chips, folds, measure, report

ESSAY = "bert-base-cased-essay-tpu"


def made(
    case: measure.Case, seconds: float, gibibytes: float | None, violations: tuple[str, ...] = ()
) -> measure.Row:
    """A row as if compiled; without `gibibytes` as if refused."""
    if gibibytes is None:
        return measure.Row(case, "fused", 0.0, reason="Used 17G of 16G hbm")
    compiled: Any = SimpleNamespace(memory=int(2**30 * gibibytes), seconds=30.0, processor=40.0)
    timing: Any = SimpleNamespace(compiler=seconds)
    return measure.Row(case, "fused", 0.0, compiled, timing, violations=violations)


def case(recipe: str = ESSAY, machine: str = "v5e-8") -> folds.Folds:
    (found,) = cases.folds([recipe], [machine], None)
    return found


def test_every_recipe_for_tpus_is_compared_on_every_machine():
    found = list(cases.folds(cases.for_tpus(), cases.FOLDS_MACHINES, None))
    names = {path.stem for path in cases.RECIPES.glob("*-tpu.yaml")} | {"gold"}
    asked = {(name, machine) for name in names for machine in ("v5e-8", "v6e-8", "v5p-8")}
    assert {(f.shared.title, f.shared.machine) for f in found} == asked
    # Gold has two encoders; its further models are trained by the same programs.
    assert len(found) == len(asked) + 3
    assert {(f.shared.title == "gold", f.count) for f in found} == {(False, 5), (True, 10)}


@pytest.mark.parametrize(("machine", "rows"), [("v5e-8", 1), ("v6e-8", 1), ("v5p-8", 2)])
def test_a_fold_alone_has_all_rows_of_a_step_on_one_core(machine: str, rows: int):
    shared = case(machine=machine).shared
    assert (shared.cores, shared.rows_per_core) == (8 // rows, rows)
    alone = dataclasses.replace(shared, alone=True)
    assert (alone.cores, alone.rows_per_core) == (1, 8)


@pytest.mark.parametrize(
    ("recipe", "steps"),
    [
        # 4,191 essays of 494 tokens fill 2,063.1 rows of 1,024 to 98 %; four fifths, eight a step.
        (ESSAY, 207),
        # 36,765 elements, each a row of its own; four fifths, 256 a step.
        ("bert-base-cased-seed-tpu", 115),
    ],
)
def test_steps_of_an_epoch_come_from_the_essays_or_the_elements(recipe: str, steps: int):
    assert case(recipe).steps == steps


@pytest.mark.parametrize(
    ("machine", "rounds", "at_once", "full"),
    [("v5e-8", 1, 207 * 0.4, 8 * 0.1 / 0.4), ("v5p-8", 2, 2 * 207 * 0.4, 4 * 0.1 / 0.4)],
)
def test_five_folds_take_as_many_rounds_as_the_cores_need(
    machine: str, rounds: int, at_once: float, full: float
):
    together = case(machine=machine)
    alone = made(dataclasses.replace(together.shared, alone=True), 0.4, 7.0)
    found = folds.Compared(together, made(together.shared, 0.1, 2.0), alone, alone)
    assert found.rounds == rounds
    assert found.in_turn == pytest.approx(5 * 207 * 0.1)
    assert found.at_once == pytest.approx(at_once)
    assert found.full == pytest.approx(full)


@pytest.mark.parametrize(
    ("most", "tried", "fits"), [(8, [8], 8), (3, [8, 4, 2], 2), (1, [8, 4, 2, 1], 1)]
)
@pytest.mark.parametrize("more", [None, 16.0])  # refused by the compiler; compiled, yet too large
def test_a_fold_that_does_not_fit_on_a_core_takes_the_least_accumulation_that_does(
    most: int, tried: list[int], fits: int, more: float | None, monkeypatch: pytest.MonkeyPatch
):
    alone: list[int] = []

    def compile_it(case: measure.Case) -> measure.Row:
        if case.alone:
            alone.append(case.rows_per_core)
        return made(case, 0.4, 7.0 if case.rows_per_core <= most else more)

    monkeypatch.setattr(folds, "measure", compile_it)
    found = folds.compare(case())
    assert alone == tried
    assert found.fitting.case.rows_per_core == fits
    assert found.fitting.case.train.accumulation == 8 // fits
    assert found.alone.case.rows_per_core == 8
    assert not found.shared.case.alone
    assert report.failures(found.fitting) == []


def told(found: folds.Compared) -> dict[str, str]:
    cells = [cell.strip() for cell in report.folds(found).strip("|").split(" | ")]
    return dict(zip(report.FOLDS, cells, strict=True))


def test_a_line_tells_both_ways_and_the_accumulation_that_it_takes():
    together = case()
    whole = dataclasses.replace(together.shared, alone=True)
    shared, alone = made(together.shared, 0.1, 2.0), made(whole, 0.4, 7.0)
    line = told(folds.Compared(together, shared, alone, alone))
    assert line["HBM GiB, alone on one"] == "7.00"
    assert line["compile s (CPU s)"] == "60 (80)"
    assert line["folds x steps of an epoch"] == "5 x 207"
    assert line["s an epoch, in turn"] == "104"  # 103.5
    assert line["s an epoch, at once (rounds)"] == "83 (1)"
    assert (line["times as fast"], line["with a fold on every core"]) == ("1.25", "2.00")
    parts = dataclasses.replace(whole, train=dataclasses.replace(whole.train, accumulation=2))
    line = told(folds.Compared(together, shared, made(whole, 0.4, 16.0), made(parts, 0.5, 7.0)))
    assert line["HBM GiB, alone on one"] == "7.00 in 2 parts (16.00 (too much) at once)"
    refused = made(whole, 0.0, None)
    line = told(folds.Compared(together, shared, refused, made(parts, 0.5, 7.0)))
    assert line["HBM GiB, alone on one"].endswith("(does not fit: Used 17G of 16G hbm at once)")
    line = told(folds.Compared(together, shared, refused, refused))
    assert line["s an epoch, at once (rounds)"] == "nan (1)"


def test_what_must_not_be_names_the_core_that_it_is_on():
    alone = dataclasses.replace(case().shared, alone=True)
    (line,) = report.failures(made(alone, 0.1, 2.0, ("gather x",)))
    assert line == f"{ESSAY}, train, a core of v5e-8, rows of 1024: gather x"


@pytest.mark.parametrize(
    ("core", "clock"),
    [(chips.V3, 0.94e9), (chips.V5E, 1.5e9), (chips.V5P, 1.75e9), (chips.V6E, 1.75e9)],
)
def test_clocks_are_those_of_the_chips(core: chips.Core, clock: float):
    assert math.isclose(core.clock, clock, rel_tol=2e-3)
