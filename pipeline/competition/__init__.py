"""The only place that knows this competition: its labels, files, oddities and folds."""
