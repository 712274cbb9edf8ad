"""A wrapper of Kaggle's own client: late import, no output, repeated requests, clear errors."""

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import tenacity

from pipeline.kaggle import refusals
from pipeline.kaggle.limits import limited
from pipeline.kaggle.silence import silent
from pipeline.progress import say

if TYPE_CHECKING:
    from kaggle.api.kaggle_api_extended import KaggleApi

T = TypeVar("T")

TIMEOUT: Final = 120.0  # seconds; Kaggle takes some for a push
_ATTEMPTS = 6
_LONGEST_PAUSE = 60.0  # seconds of this project's own backing off
_LONGEST_ASKED = 600.0  # seconds of a Retry-After that is still waited for


class Client:
    """A signed-in client.

    Attributes:
      api: Kaggle's; use it inside `call` only.
      owner: the account's name, in the addresses of its datasets and kernels.
    """

    def __init__(self, api: "KaggleApi", owner: str, pause: float, timeout: float) -> None:
        self.api = api
        self.owner = owner
        self._pause = pause
        self._timeout = timeout

    def call(self, doing: str, request: Callable[[], T], competition: str = "") -> T:
        """Make a request by `ask`, under the rules of `insist`."""
        return self.insist(doing, lambda: self.ask(request), competition)

    def ask(self, request: Callable[[], T]) -> T:
        """Make a request once, silently and with a time limit."""
        return _silently(request, self._timeout)

    def insist(self, doing: str, attempt: Callable[[], T], competition: str = "") -> T:
        """Repeat an attempt, with growing pauses, while Kaggle is overloaded or out of reach.

        Args:
          doing: for messages, as in "push kernel alice/essays".
          attempt: uses `ask`; may be made twice, even where the first was only half answered.
          competition: the competition in question, if any, for advice.

        Raises:
          RefusedError: Kaggle answered with an error that will stay.
          UnavailableError: Kaggle is overloaded or out of reach, and stayed so.
          UserError: any other mistake that the client found.
        """
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_ATTEMPTS),
            wait=self._wait,
            retry=tenacity.retry_if_exception(refusals.passing),
            before_sleep=lambda state: self._announce(doing, state),
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (OSError, ValueError) as error:  # what requests raises is an OSError
            raise refusals.explain(error, doing, competition) from None

    def _wait(self, state: tenacity.RetryCallState) -> float:
        asked = refusals.retry_after(state.outcome.exception() if state.outcome else None)
        backing_off = tenacity.wait_exponential(self._pause, _LONGEST_PAUSE)
        return max(backing_off(state), min(asked, _LONGEST_ASKED))

    def _announce(self, doing: str, state: tenacity.RetryCallState) -> None:
        pause = state.next_action.sleep if state.next_action else 0.0
        if pause >= 1.0:
            print(f"{doing}: no answer yet, again in {pause:.0f} s", file=sys.stderr, flush=True)


def connect(pause: float = 1.0, timeout: float = TIMEOUT) -> Client:
    """Sign in with the credentials that Kaggle's client finds.

    Args:
      pause: seconds before a request is repeated for the first time.
      timeout: seconds without a byte after which a request is given up.

    Raises:
      UserError: there are no credentials, or they have expired.
      UnavailableError: Kaggle is out of reach.
    """
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings print signed addresses
    try:
        api = _silently(_sign_in, timeout)
    except SystemExit:
        from kagglesdk.kaggle_env import get_access_token_from_env

        raise refusals.no_credentials(get_access_token_from_env()[1]) from None
    except (OSError, ValueError) as error:
        raise refusals.explain(error, "sign in to Kaggle") from None
    owner = str(api.get_config_value(api.CONFIG_NAME_USER))
    say(f"signed in to Kaggle as {owner}")
    return Client(api, owner, pause, timeout)


def _sign_in() -> "KaggleApi":
    # Importing it signs in too: it reads the environment and may use the network.
    from kaggle.api.kaggle_api_extended import KaggleApi

    api = KaggleApi()
    api.authenticate()
    # One place retries: the client's own retries know neither 5xx nor an answer that got lost.
    api.with_retry = _once  # pyright: ignore[reportAttributeAccessIssue]
    upload = api._upload_blob

    def begin_anew(path: str, *rest: object) -> object:
        token = upload(path, *rest)  # pyright: ignore[reportArgumentType]
        # What the storage has dropped (410) would be resumed, in vain, for six days.
        if token is None:
            state: Any = rest[2]
            Path(state.get_upload_info_file_path(path)).unlink(missing_ok=True)
        return token

    api._upload_blob = begin_anew  # pyright: ignore[reportAttributeAccessIssue]
    return api


def _once(request: Callable[..., T], **_: object) -> Callable[..., T]:
    return request


def _silently(request: Callable[[], T], timeout: float) -> T:
    """Drop what Kaggle's client prints: advice for its own commands, and signed addresses."""
    with silent(), limited(timeout):
        return request()


def field(response: Any, name: str) -> str:
    """A text field of an answer, empty where it is not set."""
    return str(getattr(response, name, None) or "").strip()
