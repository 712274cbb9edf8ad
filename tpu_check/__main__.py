"""Compile the project's own steps for TPUs and print what came out: python -m tpu_check.

Needs no TPU. The table's encoders on every machine, then every recipe for TPUs by its own
parameters, all of its folds at once against one after another, then one layer's attention alone.
Ends with 1 where a recipe's step doesn't fit, or where one holds a gather, an exchange or a float32
product that `rules.py` doesn't allow.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterable

from pipeline.errors import exit_with_message
from tpu_check import attention, cases, chips, configs, report
from tpu_check.folds import Folds, compare
from tpu_check.measure import Case, lightest, measure, most_rows

PARTS = ("table", "recipes", "folds", "attention")


def main() -> None:
    """Run what is asked for.

    Raises:
      UserError: the rows of a recipe's step don't divide among a machine's cores.
      SystemExit: something is in a step that must not be.
    """
    recipes = cases.for_tpus()
    parser = argparse.ArgumentParser(prog="tpu-check", description=__doc__)
    parser.add_argument("--part", nargs="+", choices=PARTS, default=PARTS)
    for name, known in (("encoder", list(configs.ENCODERS)), ("recipe", recipes)):
        parser.add_argument(f"--{name}", nargs="+", choices=known, default=known)
    parser.add_argument(
        "--machine", nargs="+", choices=list(chips.MACHINES), help="of the parts but for recipes"
    )
    parser.add_argument("--length", nargs="+", type=int, default=[512, 1024], help="of a row")
    parser.add_argument("--attention", help="an implementation other than the platform's own")
    parser.add_argument("--largest", action="store_true", help="search the most rows that fit")
    asked = parser.parse_args()
    chips.without_a_tpu()
    failures: list[str] = []
    if "table" in asked.part:
        machines = asked.machine or cases.TABLE_MACHINES
        table = cases.table(asked.encoder, machines, asked.length, asked.attention)
        failures += _steps(table, fit=False, largest=asked.largest)
    if "recipes" in asked.part:
        found = cases.recipes(asked.recipe, asked.attention)
        failures += _steps(found, fit=True, largest=False)
    if "folds" in asked.part:
        machines = asked.machine or cases.FOLDS_MACHINES
        failures += _folds(cases.folds(asked.recipe, machines, asked.attention))
    if "attention" in asked.part:
        print(f"\n{report.header(report.ATTENTION)}", flush=True)
        machines = asked.machine or cases.ATTENTION_MACHINES
        for line in attention.lines(machines, asked.attention):
            print(report.attention(line), flush=True)
    print("", *(f"error: {failure}" for failure in failures), sep="\n", file=sys.stderr)
    sys.exit(1 if failures else 0)


def _steps(found: Iterable[Case], *, fit: bool, largest: bool) -> list[str]:
    """Print a line for each step; return what must not be."""
    print(f"\n{report.header(report.STEPS)}", flush=True)
    failures: list[str] = []
    for case in found:
        row = measure(case) if fit else lightest(case)
        if largest and case.trains:
            row = dataclasses.replace(row, most=most_rows(row))
        print(report.step(row), flush=True)
        failures += report.failures(row) if fit or row.fits else []
    return failures


def _folds(found: Iterable[Folds]) -> list[str]:
    """Print a line for each recipe and machine; return what must not be."""
    print(f"\n{report.header(report.FOLDS)}", flush=True)
    failures: list[str] = []
    for folds in found:
        compared = compare(folds)
        print(report.folds(compared), flush=True)
        failures += report.failures(compared.shared) + report.failures(compared.fitting)
    return failures


if __name__ == "__main__":
    exit_with_message(main)
