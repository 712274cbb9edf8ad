"""Speed of training and inference beside torch: python -m bench.peers --model minilm.

The configured model on the same essays in turn: this project's train step and predictions on packed
rows under pmap, torch's with transformers' own class on batches grouped by length and padded to
the longest of each. A figure counts real tokens, never padding, and leaves out the first step.
`make peers` makes torch's environment.
"""

from bench import frame, tables
from bench.peers import speed
from bench.peers.configuration import Comparison
from pipeline.errors import exit_with_message

TASKS = {"train": "training", "predict": "inference"}


def main() -> None:
    """Print a table for each task, ratios, and the machine."""
    parser = frame.parser(__doc__ or "", rounds=5)
    frame.add_model(parser)
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--dtypes", nargs="+", choices=speed.DTYPES, default=list(speed.DTYPES))
    parser.add_argument("--steps", type=int, default=8, help="of training, each peer in a round")
    parser.add_argument("--essays", type=int, default=200)
    parser.add_argument("--area", type=int, help="tokens of torch's batches; as ours by default")
    frame.add_platform(parser, "cpu")
    frame.add_torch(parser)
    arguments = parser.parse_args()
    comparison = Comparison(arguments.model, arguments.platform)
    options = speed.Options(
        rounds=arguments.rounds,
        essays=arguments.essays,
        steps=arguments.steps,
        dtypes=arguments.dtypes,
        area=arguments.area,
        python=arguments.torch_python,
    )
    measured = []
    for task in arguments.tasks:
        measured.append(speed.measure(comparison, task, options))
        title = f"{TASKS[task].capitalize()}, {arguments.model}"
        print(speed.report(measured[-1], title, arguments.essays), flush=True)
    print(tables.machine(speed.everything(measured)))


if __name__ == "__main__":
    exit_with_message(main)
