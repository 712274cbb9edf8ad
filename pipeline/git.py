"""Questions to git, which a project may do without."""

import subprocess


def ask(*arguments: str) -> str | None:
    """Return what git prints, to the letter; None where it fails or is not installed."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return None
    # Names of files need not be UTF-8.
    return done.stdout.decode("utf-8", "surrogateescape")
