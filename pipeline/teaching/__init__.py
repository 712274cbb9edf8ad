"""Soft labels: which teacher's fold labels which unlabelled essays, for which fold of a model."""
