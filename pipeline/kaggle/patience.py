"""Poll for what Kaggle does in its own time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import tenacity

from pipeline.errors import UserError
from pipeline.kaggle.refusals import AGAIN, UnavailableError
from pipeline.progress import say

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """The pace of waiting.

    Attributes:
      every: seconds between two looks.
      hours: the longest wait for one step.
      lag: seconds that Kaggle's list of submissions may be late.
    """

    every: float
    hours: float
    lag: float


def wait(
    what: str,
    look: Callable[[], tuple[str, T | None]],
    patience: Patience,
    offline: bool = True,
) -> T:
    """Poll until there is a result; print each new state.

    Args:
      what: is waited for, for messages.
      look: gives the present state in words, and the result or None.
      patience: how often, and for how long.
      offline: whether a stretch without a connection is waited out like anything else.

    Raises:
      UserError: there is no result in time, or `look` found that there won't be one.
    """
    told = ""

    def look_and_tell() -> T | None:
        nonlocal told
        try:
            state, result = look()
        except UnavailableError as error:
            if not offline:
                raise
            state, result = str(error), None
        if state != told:
            say(f"{what}: {state}")
            told = state
        return result

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda result: result is None),
        wait=tenacity.wait_fixed(patience.every),
        stop=tenacity.stop_after_delay(patience.hours * 3600),
    )
    try:
        result = retrying(look_and_tell)
    except tenacity.RetryError:
        result = None
    if result is None:
        raise UserError(f"{what}: still {told} after {patience.hours:g} h; to wait on, {AGAIN}")
    return result


def seek(look: Callable[[], T | None], patience: Patience) -> T | None:
    """Poll for as long as Kaggle's lists may lag; return None if nothing turned up."""
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_result(lambda result: result is None),
        wait=tenacity.wait_fixed(min(patience.every, patience.lag)),
        stop=tenacity.stop_after_delay(patience.lag),
        retry_error_callback=lambda _: None,
    )
    return retrying(look)
