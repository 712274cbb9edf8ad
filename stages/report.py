"""Make the page about the run: python -m stages.report."""

import argparse
from collections.abc import Sequence

from pipeline.configuration import load_configuration
from pipeline.configured_members import configured_members
from pipeline.configured_units import trained_units
from pipeline.progress import say
from pipeline.report.origin import origin
from pipeline.report.page import PAGE, write_page
from pipeline.report.run import read_run
from stages.running import run_stage


def main(argv: Sequence[str] | None = None) -> None:
    """Write report/index.html; say what it advises."""
    argparse.ArgumentParser(description=__doc__).parse_args(argv)
    configuration = load_configuration()
    folds = sorted(configuration.read("folds", list))
    models = configuration.read("models", dict)
    trained = {model: trained_units(configuration, model) for model in models}
    run = read_run(folds, configured_members(configuration), trained)
    fired = write_page(run, origin(configuration), models)
    for advice in fired:
        say(f"report: {advice.rule}: {advice.found}")
    say(f"report: {PAGE}, {PAGE.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    run_stage("report", main)
