"""Weights and windows in, probabilities out."""
