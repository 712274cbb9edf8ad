"""The colours of the elements' types: one place for the page, the terminal and the demo."""

from pipeline.competition.schema import TYPES

_LIGHT = ("#2563a8", "#7a4bb5", "#13795b", "#a4530a", "#b5304f", "#5d6b13", "#0e7490")
_DARK = ("#79b8ff", "#c8a5f5", "#5fcf9f", "#f0a05a", "#ff8fa6", "#c3d05a", "#5cc8dd")


def strong(kind: int) -> str:
    """Return the colour of a type on white, under which white is readable too."""
    return _LIGHT[kind % len(_LIGHT)]


def kind_style(dark: str | None = None) -> str:
    """Return the style sheet of `kind-N`: `--kind` is the colour of the type N.

    Args:
      dark: the selector of what is dark; the reader's own setting where none is given.
    """
    light = _rules("", _LIGHT)
    if dark is not None:
        return f"{light}\n{_rules(f'{dark} ', _DARK)}"
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{_rules('', _DARK)}\n}}"


def _rules(within: str, colours: tuple[str, ...]) -> str:
    return "\n".join(
        f"{within}.kind-{kind} {{ --kind: {colours[kind % len(colours)]}; }}"
        for kind in range(len(TYPES))
    )
