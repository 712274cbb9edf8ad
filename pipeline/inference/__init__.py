"""Weights and windows in, probabilities or embeddings out."""
