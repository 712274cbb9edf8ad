"""The same encoder on the same real essays: this project, torch, and the seed's recipe."""
