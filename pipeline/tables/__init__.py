"""Predictions, elements and the folds of essays as tables that everyone may read."""
