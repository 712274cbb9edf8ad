"""Put the run's figures above DVC's plots: `make plots`.

`dvc plots show` makes the page from templates in .dvc/plots, and leaves a place for them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from markupsafe import Markup

from pipeline import paths
from pipeline.configuration import read_text
from pipeline.errors import UserError, exit_with_message
from pipeline.files import read_json, write_text
from pipeline.progress import say

PAGE = Path("dvc_plots/index.html")
_PLACE = "<!-- figures -->"
_HEADS = ("prediction", "log loss", "95 % by essay", "accuracy", "calibration error")


def main() -> None:
    """Write the figures into the page; say where it is."""
    before, found, after = read_text(PAGE).partition(_PLACE)
    if not found:
        raise UserError(f"{PAGE}: found no place for figures; run dvc plots show")
    write_text(PAGE, f"{before}{_table(list(_rows()))}{after}")
    say(f"{PAGE.absolute().as_uri()}")


def _rows() -> Iterator[Sequence[str]]:
    """Yield a row for each prediction that has metrics, the best first."""
    found = {path.stem: read_json(path) for path in sorted(paths.METRICS.glob("*.json"))}
    for name, metrics in sorted(found.items(), key=lambda one: one[1]["log_loss"]):
        yield (
            f"{name}, partial" if metrics["partial"] else name,
            f"{metrics['log_loss']:.4f}",
            f"{metrics['log_loss_low']:.4f} to {metrics['log_loss_high']:.4f}",
            # The blend's file has the few that belong to it alone.
            f"{metrics['accuracy']:.1%}" if "accuracy" in metrics else "–",
            f"{metrics['ece']:.4f}" if "ece" in metrics else "–",
        )


def _table(rows: Sequence[Sequence[str]]) -> Markup:
    if not rows:
        raise UserError(f"{paths.METRICS}: no figures; run dvc repro")
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(name) for name in _HEADS)
    lines = (
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            row[0], Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row[1:])
        )
        for row in rows
    )
    return Markup(
        '<p class="muted">Out of fold; the ensemble nested. A lower log loss is better. Crosses '
        "are bins of fewer than 30 elements; a bin of one is not drawn.</p>\n"
        '<div class="wide" role="region" aria-label="Figures" tabindex="0"><table>'
        "<thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>"
    ).format(head, Markup("\n").join(lines))


if __name__ == "__main__":
    exit_with_message(main)
