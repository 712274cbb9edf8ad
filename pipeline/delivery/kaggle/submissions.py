"""Submitting, at most once, and the score of just that submission."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pipeline.delivery.kaggle.client import Client, field
from pipeline.delivery.kaggle.patience import Patience, wait
from pipeline.delivery.kaggle.refusals import FailedError, RefusedError
from pipeline.errors import UserError

_LISTED = 100  # of the newest submissions, those that are looked through
# What Kaggle says of a version that it has run and does not find: its issue 473.
_NOT_FOUND_YET = re.compile(r"(could not find|not found|still running|not finished)", re.I)


class NotSubmittableError(UserError):
    """Kaggle ran the kernel's version and can't submit it; another version helps."""


@dataclass(frozen=True)
class Score:
    """A submission's result; a score that Kaggle doesn't show is None."""

    public: float | None
    private: float | None


def submit_kernel(
    client: Client, competition: str, ref: str, version: int, note: str, sent: bool
) -> int:
    """Submit a kernel's version to a code competition, once.

    Args:
      client: signed in.
      competition: its name.
      ref: owner and slug of the kernel.
      version: the number that pushing gave.
      note: the submission's description, which no other submission has.
      sent: whether an earlier run may have submitted it already.

    Returns:
      The submission's reference.

    Raises:
      NotSubmittableError: push the kernel again.
      UserError: Kaggle refuses it.
    """

    def request() -> Any:
        return client.api.competition_submit_code(
            "submission.csv", note, competition, ref, version, quiet=True
        )

    try:
        return _once(client, competition, note, sent, request)
    except RefusedError as error:
        may_help = error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
        if may_help and _NOT_FOUND_YET.search(error.message):
            raise NotSubmittableError(
                f"kernel {ref} version {version} has run, but Kaggle can't submit it "
                f"({error.message})"
            ) from None
        raise


def submit_file(client: Client, competition: str, path: Path, note: str, sent: bool) -> int:
    """Submit a CSV file to a competition that takes files, once; as `submit_kernel`."""

    def request() -> Any:
        return client.api.competition_submit(str(path), note, competition, quiet=True)

    return _once(client, competition, note, sent, request)


def _once(
    client: Client, competition: str, note: str, sent: bool, request: Callable[[], Any]
) -> int:
    """Submit; where an answer may have got lost, first look whether Kaggle has it already."""
    doing = f"submit to {competition}"

    def attempt() -> tuple[int, str]:
        nonlocal sent
        found = _find(client, competition, note) if sent else None
        if found is not None:
            return found, ""
        sent = True
        response = request()
        return int(response.ref or 0), field(response, "message")

    reference, message = client.call(doing, attempt, competition)
    if not reference:
        raise UserError(f"could not {doing}: Kaggle did not take it: {message or 'no reference'}")
    return reference


def _find(client: Client, competition: str, note: str) -> int | None:
    """The reference of the submission with this description."""
    listed = client.api.competition_submissions(competition, page_size=_LISTED)
    return next((int(one.ref) for one in listed or [] if one and one.description == note), None)


def wait_for_score(client: Client, reference: int, patience: Patience) -> Score:
    """Wait until a submission is scored; others of the same account don't matter.

    Raises:
      FailedError: it got no score, for the reason that Kaggle gives.
      UserError: it takes too long.
    """
    from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

    def get() -> Any:
        request = ApiGetSubmissionRequest()
        request.ref = reference
        with client.api.build_kaggle_client() as kaggle:
            return kaggle.competitions.competition_api_client.get_submission(request)

    def look() -> tuple[str, Score | None]:
        try:
            answer = client.call(f"look at submission {reference}", get)
        except RefusedError as error:
            if error.status == HTTPStatus.NOT_FOUND:  # a new one is not found for some seconds
                return "not there yet", None
            raise
        status = answer.status.name.lower()
        if status == "error":
            reason = field(answer, "error_description") or "no reason given"
            raise FailedError(
                f"submission {reference}: Kaggle did not score it: {reason}; "
                "--again makes another one"
            )
        if status != "complete":
            return status, None
        return status, Score(_number(answer, "public_score"), _number(answer, "private_score"))

    return wait(f"submission {reference}", look, patience)


def _number(answer: Any, name: str) -> float | None:
    text = field(answer, name)
    return float(text) if text else None
