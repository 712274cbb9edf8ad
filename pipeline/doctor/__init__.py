"""Checks of a configuration before the first stage runs, one line for each problem."""
