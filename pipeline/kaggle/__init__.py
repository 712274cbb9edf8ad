"""A client of Kaggle's service: download, datasets, kernels, submissions, journal, ledger."""
