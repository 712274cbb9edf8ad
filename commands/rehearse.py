"""Run the kernel offline and compare its predictions with the graph's: `make kaggle`.

The test is the visible one with every oddity beside it that a hidden one may hold. With weights in
float32 the visible part of the submission has to be the graph's own, to 1e-5 in every probability,
and the odd part as it is expected. With halves, whose predictions differ by the rounding, all of it
has to be what this environment's own run of the same bundle gives.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.bundle.blend import read_blend
from pipeline.bundle.forecast import read_forecast
from pipeline.bundle.hidden_oddities import write_odd_test
from pipeline.bundle.pack import Packer
from pipeline.bundle.rehearsal import compare, read_submission, rehearse
from pipeline.bundle.rounding import DTYPES
from pipeline.competition.kaggle_files import locate
from pipeline.configuration import load_configuration
from pipeline.errors import UserError, exit_with_message, naming
from pipeline.progress import say

TOLERANCE = 1e-5


def main(argv: Sequence[str] | None = None) -> None:
    """Pack a bundle, run the kernel on it, say the largest difference."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="runs the kernel")
    parser.add_argument("--dtype", choices=list(DTYPES), default="float32", help="of the weights")
    parser.add_argument("--without-external", action="store_true", help="as of commands.bundle")
    arguments = parser.parse_args(argv)
    configuration = load_configuration()
    source = locate(Path(configuration.read("data", params.Data).source))
    made = Packer(configuration, arguments.dtype).pack(arguments.without_external)
    # Scaled to class means, a prediction depends on all rows, and the odd test has others.
    ensemble = configuration.read("ensemble", params.Ensemble)
    whole = arguments.dtype == "float32" and not configuration.read("members", dict)
    whole = whole and not ensemble.class_means
    with tempfile.TemporaryDirectory() as scratch, naming(Path("rehearsal"), Path(scratch)):
        test, here, there = (Path(scratch) / name for name in ("test", "here", "there"))
        odd = write_odd_test(source, test)
        there.mkdir()
        found = rehearse(arguments.python, made.folder, test, there)
        if whole:
            priors = read_blend(made.folder).priors
            visible = read_submission(paths.SUBMISSION)
            difference = odd.compare(read_submission(found), visible, priors)
        else:
            here.mkdir()
            difference = compare(found, rehearse(Path(sys.executable), made.folder, test, here))
        expected_time = read_forecast(found.parent)
    what = str(paths.SUBMISSION) if whole else "this environment's run"
    if difference > TOLERANCE:
        raise UserError(f"the kernel differs from {what} by {difference:.1e} at most")
    # On this machine's processors; that of the run on Kaggle is what `submit` goes by.
    say(f"forecast for this machine: {expected_time}")
    say(
        f"{odd.rows:,} rows of a test with {len(odd.oddities)} oddities "
        f"({'; '.join(odd.oddities)}): {len(odd.order):,} ids written, {len(odd.predicted):,} of "
        f"them odd and predicted, {len(odd.priors):,} with priors"
    )
    say(f"rehearsed with {arguments.python}: within {difference:.1e} of {what}")


if __name__ == "__main__":
    exit_with_message(main)
