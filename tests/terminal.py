"""A pseudo-terminal, and the screen that a person would see on it."""

import os
import pty
import re
import termios
import threading
from typing import TextIO

_TOKEN = re.compile(r"\x1b\[(\d*)([A-Za-z])|(.)", re.DOTALL)


class Terminal:
    """80 columns wide; keeps every byte that is written to `stream`."""

    def __init__(self) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.stream: TextIO = open(slave, "w", buffering=1, encoding="utf-8")  # noqa: PTH123, SIM115
        self._seen = bytearray()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def another_stream(self) -> TextIO:
        """A second stream onto the same terminal, as standard error is beside standard output."""
        return open(os.dup(self.stream.fileno()), "w", buffering=1, encoding="utf-8")  # noqa: PTH123

    def _read(self) -> None:
        try:
            while block := os.read(self._master, 4096):
                self._seen += block
        except OSError:  # the last writer is gone
            return

    def close(self, *others: TextIO) -> str:
        """Hang up; return everything that was written."""
        for stream in (self.stream, *others):
            stream.close()
        self._reader.join(timeout=10)
        os.close(self._master)
        return self._seen.decode("utf-8")


def screen(written: str) -> list[str]:
    """The lines that stand on the screen at the end, without blanks at their ends.

    Knows what progress bars use: carriage return, line feed, cursor up and down, and erasing to
    the end of a line.
    """
    lines, row, column = [""], 0, 0
    for number, command, character in _TOKEN.findall(written):
        if command in ("A", "B"):
            row = max(0, row + (-1 if command == "A" else 1) * int(number or 1))
        elif command == "K":
            lines[row] = lines[row][:column]
        elif command and command != "m":
            raise ValueError(f"no terminal command {command!r} is known here")
        elif character == "\r":
            column = 0
        elif character == "\n":
            row += 1
        elif character:
            lines[row] = lines[row].ljust(column)[:column] + character + lines[row][column + 1 :]
            column += 1
        lines += [""] * (row + 1 - len(lines))
    seen = [line.rstrip() for line in lines]
    while seen and not seen[-1]:
        seen.pop()
    return seen
