"""Measurements: ratios of two things run in turn in one go, never absolute times in tests."""
