"""Members: anything with out-of-fold and test probabilities keyed by element."""
