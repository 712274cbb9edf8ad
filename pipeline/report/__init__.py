"""A page about a finished run: its worth, its faults, and what to try next."""
