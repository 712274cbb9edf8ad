"""Spans of time in words, as a person says them."""

import math


def span(seconds: float) -> str:
    """Write a span in its two largest units: 40 s, 12 min, 3 h 40 min, 2 d 5 h.

    What is not finite, as a guess from no measurement, is told as an unknown time.
    """
    if not math.isfinite(seconds):
        return "an unknown time"
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if seconds < 59.5:
        return f"{round(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min"
    return f"{hours // 24} d {hours % 24} h"
