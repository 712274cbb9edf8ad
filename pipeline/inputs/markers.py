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
"""What opens an element, by its discourse type."""

PARAGRAPH = "[BR]"
"""What stands for a run of newlines, which most tokenizers would drop."""

ALL: tuple[str, ...] = (*MARKERS.values(), PARAGRAPH)
"""Every marker, in the order in which they are added to a vocabulary."""
