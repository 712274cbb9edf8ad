"""Types of a command line's options."""

import argparse


def count(text: str) -> int:
    """Read a number from 1 on.

    Raises:
      ArgumentTypeError: it is none; argparse tells the option beside it.
    """
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a number from 1 on, found {text!r}")
    return int(text)
