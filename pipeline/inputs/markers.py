"""The tokens that the input adds to a backbone's vocabulary."""

from collections.abc import Mapping
from types import MappingProxyType

MARKERS: Mapping[str, str] = MappingProxyType(
    {
        "Lead": "[LEAD]",
        "Position": "[POSITION]",
        "Claim": "[CLAIM]",
        "Counterclaim": "[COUNTERCLAIM]",
        "Rebuttal": "[REBUTTAL]",
        "Evidence": "[EVIDENCE]",
        "Concluding Statement": "[CONCLUSION]",
    }
)
"""The token that opens an element, by its discourse type."""

PARAGRAPH = "[BR]"
"""The token in place of a run of newlines, which most tokenizers would drop."""

ALL: tuple[str, ...] = (*MARKERS.values(), PARAGRAPH)
"""Every marker, in the order in which they are added to a vocabulary."""
