"""Checks of a configuration before the first stage runs: everything in its way, a line each."""
