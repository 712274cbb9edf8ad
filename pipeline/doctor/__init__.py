"""Checks of a board before the first stage runs: everything in its way, a line each."""
