"""The members of the blend that the configuration asks for."""

from pipeline.configuration import Configuration
from pipeline.reserved import BASELINE


def configured_members(configuration: Configuration) -> list[str]:
    """List all members in the order of the blend: first those that have a fit for each fold."""
    return [
        BASELINE,
        *configuration.read("embeddings", dict),
        *configuration.read("models", dict),
        *configuration.read("members", dict),
    ]
