"""Try a fold's first steps, write nothing: python -m commands.smoke --model tiny --fold 0.

With --profile it leaves a profiler's trace of five steps in .logs/profile.
"""

if __name__ == "__main__":
    from pipeline import orphans

    orphans.end_with_parent()  # before the imports, which take seconds

from collections.abc import Sequence

from pipeline import paths
from pipeline.configuration import load_configuration
from pipeline.configured_units import configured_units
from pipeline.durations import span
from pipeline.errors import exit_with_message
from pipeline.progress import say
from pipeline.training.job import job_parser, named_job
from pipeline.training.smoke import smoke


def main(argv: Sequence[str] | None = None) -> None:
    """Print memory, speed and how long all folds of the configuration would take."""
    parser = job_parser(__doc__)
    parser.add_argument("--profile", action="store_true", help="trace five steps")
    wanted = parser.parse_args(argv)
    job = named_job(wanted)
    folds = len(configured_units(load_configuration()))
    seen = smoke(job, paths.log("profile", job.model, job.unit) if wanted.profile else None)
    device = "not told" if seen.device_megabytes is None else f"{seen.device_megabytes:,.0f} MB"
    say(
        f"log loss after {seen.steps} steps: {seen.loss:.4f}, on {seen.scored:,} of "
        f"{seen.held:,} held-out elements"
    )
    say(f"first step (compilation and all): {seen.first_step:.1f} s")
    say(f"memory: {seen.host_megabytes:,.0f} MB of the host at its peak; of one device: {device}")
    say(
        f"speed: {seen.tokens_per_second:,.0f} real tokens/s; the held-out essays in about "
        f"{span(seen.pass_seconds)}, by {seen.timed_batches} of {seen.batches:,} batches"
    )
    whole = f"; about {span(folds * seen.fold_seconds)} for {folds} folds one after another"
    say(f"time: about {span(seen.fold_seconds)} a fold{whole if folds > 1 else ''}")


if __name__ == "__main__":
    exit_with_message(main)
