"""Kaggle's service through its own client: data in, bundles and submissions out."""
