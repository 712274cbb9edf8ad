"""Errors of Kaggle and the network, each as one line that says what to do."""

from http import HTTPStatus
from pathlib import Path
from typing import Literal

import requests

from pipeline import refusals
from pipeline.errors import UserError

TOKENS = "https://www.kaggle.com/settings/api"
HOW = f"make a token at {TOKENS} and save it to ~/.kaggle/access_token, or set KAGGLE_API_TOKEN"
AGAIN = "run the same command again: it goes on from here"

# Kaggle answers either.
ABSENT = (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND)
# Kaggle's client says it before the name of a file.
UPLOAD = "Upload unsuccessful: "
_LIMIT = "submission limit"
_RULES = "must accept this competition's rules"
_NO_SUCH = ("competitions.participate", "competitions.get")


class RefusedError(UserError):
    """A request that Kaggle answered with an error; trying it again would not help.

    Attributes:
      status: the HTTP status.
      message: Kaggle's own words.
    """

    def __init__(self, text: str, status: int, message: str) -> None:
        super().__init__(text)
        self.status = status
        self.message = message


class UnavailableError(UserError):
    """An overloaded or broken Kaggle, or none in reach; trying later may help."""


class FailedError(UserError):
    """A step that failed on Kaggle's side: waiting won't help, it has to be taken again."""


def passing(error: BaseException) -> bool:
    """Tell whether the same request may succeed a little later: 429, 5xx, a broken connection."""
    if isinstance(error, requests.HTTPError):
        return _status(error) == HTTPStatus.TOO_MANY_REQUESTS or _status(error) >= 500
    return isinstance(error, requests.RequestException)


def perhaps_taken(error: BaseException) -> bool:
    """Tell whether Kaggle may have done what was asked: a 5xx or no answer leaves it open."""
    return not isinstance(error, requests.HTTPError) or _status(error) >= 500


def retry_after(error: BaseException | None) -> float:
    """Read the seconds that an answer asks to wait; 0 where it asks for none."""
    response = getattr(error, "response", None)
    value = "" if response is None else response.headers.get("Retry-After", "")
    return float(value) if value.isdecimal() else 0.0


def no_credentials(source: str | None) -> UserError:
    """Make the error of a failed sign-in; `source` is where a refused token was found."""
    if source:
        return UserError(f"the access token of {source} has expired or was revoked: {HOW}")
    return UserError(f"no Kaggle credentials: {HOW}")


def not_private(kind: Literal["dataset", "kernel"], ref: str) -> UserError:
    """Make the error of a name under which others see something already."""
    place = {"dataset": "datasets", "kernel": "code"}[kind]
    return UserError(
        f"{kind} {ref}: there is one already, and Kaggle does not call it private; nothing was "
        f"sent; make it private at https://www.kaggle.com/{place}/{ref}"
    )


def too_little_room(path: Path, needed: int, free: int) -> UserError:
    """Make the error of a disk that would be full; sizes in bytes."""
    sizes = f"{needed / 1e6:,.0f} MB are needed, {free / 1e6:,.0f} MB are free"
    return UserError(f"{path}: disk full: {sizes}; make room, then {AGAIN}")


def explain(error: Exception, doing: str, competition: str = "") -> UserError:
    """Turn what the client raised into one line.

    Kaggle's own words are passed on; addresses are not, for they may hold signatures.

    Args:
      error: an exception of the client.
      doing: what was asked for, as in "download the data of titanic".
      competition: the competition in question, for advice about its rules and name.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, requests.HTTPError):
        return _explain_answer(error, doing, competition)
    if isinstance(error, requests.RequestException):
        silent = isinstance(error, requests.ReadTimeout)
        found = (
            "no answer from Kaggle in time"
            if silent
            else "no connection to Kaggle, or it broke off"
        )
        return UnavailableError(
            f"could not {doing}: {found}; check the network and any proxy, then {AGAIN}"
        )
    refused = refusals.refusal(error)
    if refused is not None:
        return UserError(f"could not {doing}: {refusals.explain(refused)}")
    text = " ".join(str(error).split())
    if text.startswith(UPLOAD):
        text = f"the storage did not take {text.removeprefix(UPLOAD)}; later, {AGAIN}"
    return UserError(f"could not {doing}: {text}")


def _explain_answer(error: requests.HTTPError, doing: str, competition: str) -> UserError:
    status, message = _status(error), _message(error)
    if passing(error):
        return UnavailableError(
            f"could not {doing}: Kaggle answered {status} ({message}) each time; later, {AGAIN}"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        text = f"could not {doing}: Kaggle does not accept the credentials ({message}): {HOW}"
    elif _RULES in message:
        text = (
            f"could not {doing}: the competition's rules are not accepted; accept them at "
            f"https://www.kaggle.com/competitions/{competition}/rules, then {AGAIN}"
        )
    elif competition and (status == HTTPStatus.NOT_FOUND or any(n in message for n in _NO_SUCH)):
        text = (
            f"could not {doing}: Kaggle knows no competition {competition!r} that this account "
            f"may enter ({message}); check the name"
        )
    else:
        text = f"could not {doing}: Kaggle answered {status}: {message}"
        text += f"; tomorrow, {AGAIN}" if _LIMIT in message else ""
    return RefusedError(text, status, message)


def _status(error: requests.HTTPError) -> int:
    return 0 if error.response is None else error.response.status_code


def _message(error: requests.HTTPError) -> str:
    """Kaggle's words, or the status line's where the answer is not JSON."""
    if error.response is None:
        return "no answer"
    try:
        message = str(error.response.json()["message"])
    except (ValueError, KeyError, TypeError):
        message = error.response.reason or "no reason given"
    return " ".join(message.split()).removesuffix(".")
