"""Text cleaning that keeps every character in its place, so that spans stay what they are."""

from pipeline import params

C1 = range(0x80, 0xA0)
NO_BREAK_SPACES = "\u00a0\u202f"


def table(cleaning: params.Clean) -> dict[int, str]:
    """Map code points to their repair, for `str.translate`; always one character for one."""
    becomes: dict[int, str] = {}
    if cleaning.repair_cp1252:
        for code in C1:  # five of the 32 mean nothing in cp1252 either: they stay
            meant = bytes([code]).decode("cp1252", errors="replace")
            if meant != "\N{REPLACEMENT CHARACTER}":
                becomes[code] = meant
    if cleaning.plain_spaces:
        becomes |= {ord(space): " " for space in NO_BREAK_SPACES}
    return becomes


def clean(text: str, cleaning: params.Clean) -> str:
    """Repair C1 control characters and no-break spaces, each if asked to.

    Args:
      text: an essay or an element; both have to be cleaned alike.
      cleaning: what to do.

    Returns:
      A text of the same length.
    """
    return text.translate(table(cleaning))
