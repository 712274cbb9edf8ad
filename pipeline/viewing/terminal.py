"""An essay on a terminal: each element coloured by type, named where there is no colour."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.style import Style
from rich.text import Text

from pipeline.competition.schema import LABELS, TYPES
from pipeline.errors import one_line
from pipeline.viewing.colours import strong
from pipeline.viewing.parts import Part

_LABEL = max(map(len, LABELS))
_TYPE = max(map(len, TYPES))
# ASCII, for every terminal and log.
_BAR = "| "


def show(
    heading: str,
    parts: Iterable[Part],
    console: Console | None = None,
    notes: Sequence[str] = (),
) -> None:
    """Print an essay under its heading, and notes on it.

    What is a stranger's goes out as text: neither rich nor the terminal takes any of it for a
    command.
    """
    # `Text` knows no markup, and `one_line` leaves the terminal none of its own.
    console = Console(highlight=False) if console is None else console
    console.print(Text(one_line(heading), style="bold"))
    for note in notes:
        console.print(Text(one_line(note)))
    for part in parts:
        console.print()
        for line in _lines(part, console):
            console.print(line)


def _lines(part: Part, console: Console) -> Iterator[Text]:
    if part.kind is None:
        yield from _wrapped(part.text, console.width, console, "dim")
        return
    bar = Text(_BAR, style=Style(color=strong(part.kind), bold=True))
    room = max(console.width - len(_BAR), 1)
    for line in [*_head(part, room), *_wrapped(part.text, room, console)]:
        yield Text.assemble(bar, line)


def _head(part: Part, room: int) -> Iterator[Text]:
    """Type, label and probabilities; below each other where they don't fit side by side."""
    assert part.kind is not None
    badge = Text(part.type, style=Style(color="#ffffff", bgcolor=strong(part.kind), bold=True))
    pieces = [Text.assemble(badge, " " * (_TYPE - len(part.type)))]
    if part.label:
        right = "bold green" if part.label == part.predicted else "bold red"
        pieces.append(Text(f"label {part.label:<{_LABEL}}"))
        pieces.append(Text(f"predicted {part.predicted:<{_LABEL}}", style=right))
        pieces.append(Text(f"loss {part.loss:5.2f}"))
    else:
        pieces.append(Text(f"predicted {part.predicted}", style="bold"))
    yield from _filled(pieces, room)
    numbers = zip(LABELS, part.probabilities, strict=True)
    pieces = [
        Text(f"{name} {value:.3f}", style="bold" if name == part.predicted else "")
        for name, value in numbers
    ]
    yield from _filled(pieces, room)


def _filled(pieces: Sequence[Text], room: int) -> Iterator[Text]:
    """Put pieces on as few lines as they take."""
    line = pieces[0]
    for piece in pieces[1:]:
        if len(line.plain) + 2 + len(piece.plain.rstrip()) > room:
            yield line
            line = piece
        else:
            line = Text.assemble(line, "  ", piece)
    yield line


def _wrapped(text: str, room: int, console: Console, style: str = "") -> Iterator[Text]:
    for paragraph in filter(None, map(str.strip, text.splitlines())):
        plain = one_line(paragraph.expandtabs(1))
        yield from Text(plain, style=style).wrap(console, room)
