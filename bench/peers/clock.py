"""How every peer is timed: alike, and without a word of any framework."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Any

Steps = Iterator[int]
"""Does one step at each `next`, and says how many real tokens it had."""


def speed(steps: Steps, wait: Callable[[], None]) -> dict[str, float]:
    """Time the first step alone (compilation, mostly), and the others together.

    Args:
      steps: at least one; a framework may still be at work when a step returns.
      wait: until it is not.

    Returns:
      "first_step" in seconds, "tokens_per_second" and "steps_per_second" of the others.
    """
    began = perf_counter()
    next(steps)
    wait()
    first = perf_counter() - began
    began = perf_counter()
    done = list(steps)
    wait()
    seconds = perf_counter() - began
    return {
        "first_step": first,
        "tokens_per_second": sum(done) / seconds,
        "steps_per_second": len(done) / seconds,
    }


def race(
    steps: Steps, ends: Iterable[int], wait: Callable[[], None], score: Callable[[], float]
) -> dict[str, Any]:
    """Train to the end, stopping the clock to score the held-out essays.

    Args:
      steps: all of the training.
      ends: after which numbers of steps to score, ascending.
      wait: until the framework is not at work.
      score: the log loss of what is held out.

    Returns:
      "curve", a list of (seconds of training, the first step's compilation included; log loss);
      "first_step"; and "tokens_per_second" without the first step.
    """
    seconds, tokens, done, first, curve = 0.0, 0, 0, 0.0, []
    for end in ends:
        began = perf_counter()
        if not done:
            next(steps)
            wait()
            first, done = perf_counter() - began, 1
        tokens += sum(islice(steps, end - done))
        wait()
        seconds += perf_counter() - began
        done = end
        curve.append((seconds, score()))
    return {
        "curve": curve,
        "first_step": first,
        "tokens_per_second": tokens / max(seconds - first, 1e-9),
    }


def reached(curve: Sequence[Sequence[float]], loss: float) -> float | None:
    """Seconds of training until a log loss was reached; None where it never was."""
    return next((seconds for seconds, scored in curve if scored <= loss), None)


def evaluations(steps_of_an_epoch: int, epochs: int, parts: int) -> list[int]:
    """Numbers of steps after which to score: `parts` times an epoch, its end among them."""
    ends = {
        epoch * steps_of_an_epoch + -(-steps_of_an_epoch * part // parts)
        for epoch in range(epochs)
        for part in range(1, parts + 1)
    }
    return sorted(ends)
