"""Names that no model and no member of the configuration may have."""

BASELINE = "baseline"
"""The first member, which every configuration has."""

ENSEMBLE = "ensemble"
"""All members together, whose figures stand beside theirs."""
