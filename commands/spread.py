"""Train over a cluster by Ray what DVC's cache doesn't have, then predict and blend: `make spread`.

Run again after an interruption it goes on where it stopped.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.arguments import count
from pipeline.cluster.coordinator import spread
from pipeline.cluster.shared import place
from pipeline.configuration import ConfigurationError, load_configuration
from pipeline.doctor.examine import examine
from pipeline.errors import exit_with_message
from pipeline.progress import say


def main(argv: Sequence[str] | None = None) -> None:
    """Examine the configuration, then spread its training.

    Raises:
      UserError: something stands in the way, or a stage fails.
      Stopped: asked to stop; what had begun is saved.
    """
    parser = argparse.ArgumentParser(
        prog="commands.spread",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--address", help="of a Ray cluster, or auto; one on this machine if none")
    parser.add_argument("--shared", help="a folder that every node sees at the same path")
    parser.add_argument("--cpus", type=count, help="of a task; all of the smallest node if none")
    parser.add_argument("--devices", type=count, help="GPUs or TPU chips of a task, likewise")
    wanted = parser.parse_args(argv)
    folder = place(wanted.shared, wanted.address)
    found = examine(Path("params.yaml"), None, None, trains_here=False)
    if wrong := [finding.text for finding in found if finding.error]:
        raise ConfigurationError(wrong)
    for finding in found:
        say(f"note: {finding.text}")
    spread(load_configuration(), wanted.address, folder, wanted.cpus, wanted.devices)


if __name__ == "__main__":
    exit_with_message(main)
