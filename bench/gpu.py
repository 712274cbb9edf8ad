"""Training and inference on a GPU with its utilisation, beside torch: python -m bench.gpu.

Each shape on the configuration's own essays: its model as it is, and DeBERTa-v3's shapes with
random weights, which no download needs. Torch runs transformers' own class with the fastest
attention that the class supports. Utilisation is the model's operations by formula
(`bench/flops.py`) over seconds and the peak of the chip. The same command runs with
`--platform cpu --shapes deberta_tiny` to be tried out.
"""

from bench import flops, frame, shapes, tables
from bench.peers import speed
from bench.peers.configuration import Comparison
from pipeline import paths
from pipeline.errors import exit_with_message
from pipeline.files import read_json

TASKS = {"train": flops.training, "predict": flops.forward}


def main() -> None:
    """Print tables for each shape and task, and the machine."""
    parser = frame.parser(__doc__ or "", rounds=3)
    frame.add_model(parser, "minilm")
    parser.add_argument("--shapes", nargs="+", help="the model's own name, or of bench/shapes.py")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--dtypes", nargs="+", choices=speed.DTYPES, default=["bfloat16"])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--essays", type=int, default=1000)
    frame.add_platform(parser, "gpu")
    parser.add_argument("--peak", type=float, help="TFLOP/s; known for some chips by their names")
    parser.add_argument("--attention", help="torch's: sdpa, eager, flash_attention_2")
    frame.add_torch(parser)
    arguments = parser.parse_args()
    options = speed.Options(
        rounds=arguments.rounds,
        essays=arguments.essays,
        steps=arguments.steps,
        dtypes=arguments.dtypes,
        attention=arguments.attention,
        python=arguments.torch_python,
    )
    wanted = arguments.shapes or [arguments.model, "deberta_v3_base", "deberta_v3_large"]
    done = []
    for shape in wanted:
        with frame.fresh() as (folder, _):
            shapes.project(shape, arguments.model, folder)
            comparison = Comparison(shape, arguments.platform, folder)
            config = read_json(folder / paths.backbone(shape) / "config.json")
            for task in arguments.tasks:
                done.append(speed.measure(comparison, task, options, folder))
                print(speed.report(done[-1], f"{task}, {shape}", arguments.essays))
                print(utilisation(done[-1], task, config, arguments.peak), flush=True)
    print(tables.machine(speed.everything(done)))


def utilisation(
    measured: speed.Measured, task: str, config: dict[str, object], peak: float | None
) -> str:
    """A table of TFLOP/s and their share of the chip's peak."""
    lengths = measured.windows.lengths
    a_token = TASKS[task](config, lengths) / lengths.sum()
    rows = []
    for name, figures in zip(measured.names, measured.figures, strict=True):
        most = peak * 1e12 if peak else flops.peak(figures[0]["device"])
        done = [speed * a_token for speed in tables.column(figures, "tokens_per_second")]
        share = "peak not known" if most is None else tables.spread([d / most for d in done], ".1%")
        attention = figures[0].get("attention", "as the configuration says")
        rows.append([name, attention, tables.spread([d / 1e12 for d in done], ",.3f"), share])
    told = f"{a_token / 1e6:,.1f} million operations a token of the model's own\n\n"
    header = ("peer", "attention", "TFLOP/s of the model", "share of the peak")
    return told + tables.table(header, rows) + "\n"


if __name__ == "__main__":
    exit_with_message(main)
