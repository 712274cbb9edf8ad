"""The places that checkpoints come from, and what becomes of them before training."""
