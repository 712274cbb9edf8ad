"""Run the kernel offline and compare its predictions with the graph's: `make kaggle`.

With weights in float32 the submission has to be the graph's own, to 1e-5 in every probability.
With halves, whose predictions differ by the rounding, it has to be what this environment's own run
of the same bundle gives.
"""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from pipeline import params, paths
from pipeline.bundle.forecast import read_forecast
from pipeline.bundle.pack import Packer
from pipeline.bundle.rehearsal import compare, rehearse
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
    whole = arguments.dtype == "float32" and not configuration.read("members", dict)
    with tempfile.TemporaryDirectory() as scratch, naming(Path("rehearsal"), Path(scratch)):
        expected = paths.SUBMISSION
        if not whole:
            (Path(scratch) / "here").mkdir()
            expected = rehearse(Path(sys.executable), made.folder, source, Path(scratch) / "here")
        (Path(scratch) / "there").mkdir()
        found = rehearse(arguments.python, made.folder, source, Path(scratch) / "there")
        difference = compare(found, expected)
        expected_time = read_forecast(found.parent)
    what = str(paths.SUBMISSION) if whole else "this environment's run"
    if difference > TOLERANCE:
        raise UserError(f"the kernel differs from {what} by {difference:.1e} at most")
    # On this machine's processors; that of the run on Kaggle is what `submit` goes by.
    say(f"forecast for this machine: {expected_time}")
    say(f"rehearsed with {arguments.python}: within {difference:.1e} of {what}")


if __name__ == "__main__":
    exit_with_message(main)
