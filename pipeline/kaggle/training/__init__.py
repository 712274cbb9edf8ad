"""Folds trained on Kaggle's machines: what is sent, the kernel, what comes back."""
