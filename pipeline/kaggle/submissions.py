"""Submit at most once, and fetch the score of that very submission."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from pipeline.errors import UserError
from pipeline.kaggle import refusals
from pipeline.kaggle.client import Client, field
from pipeline.kaggle.patience import Patience, seek, wait
from pipeline.kaggle.refusals import FailedError, RefusedError
from pipeline.progress import say

_LISTED = 100  # of the newest submissions, those that are looked through
# What Kaggle says of a version that it has run and does not find: its issue 473.
_NOT_FOUND_YET = re.compile(r"(could not find|not found|still running|not finished)", re.I)


class NotSubmittableError(UserError):
    """A version that Kaggle has run and can't submit; pushing another one helps."""


@dataclass(frozen=True)
class Score:
    """A submission's result; a score that Kaggle doesn't show is None."""

    public: float | None
    private: float | None


class PerhapsSentError(RefusedError):
    """A refusal after an answer that got lost: what was sent before may have been taken."""


@dataclass(frozen=True)
class Submissions:
    """The account's submissions to one competition."""

    client: Client
    competition: str
    patience: Patience

    def submit_kernel(self, ref: str, version: int, note: str, sent: bool) -> int:
        """Submit a kernel's version to a code competition, once.

        Args:
          ref: owner and slug of the kernel.
          version: the number that pushing gave.
          note: the submission's description, which no other submission has.
          sent: whether an earlier run may have submitted it already.

        Returns:
          The submission's reference.

        Raises:
          NotSubmittableError: push the kernel again.
          RefusedError: Kaggle refuses it; where it may be there already, a `PerhapsSentError`.
          UserError: Kaggle does not take it.
        """

        def request() -> Any:
            return self.client.api.competition_submit_code(
                "submission.csv", note, self.competition, ref, version, quiet=True
            )

        try:
            return self._once(note, sent, request)
        except RefusedError as error:
            may_help = error.status in (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND)
            if may_help and _NOT_FOUND_YET.search(error.message):
                raise NotSubmittableError(
                    f"kernel {ref} version {version} has run, but Kaggle can't submit it "
                    f"({error.message})"
                ) from None
            raise

    def submit_file(self, path: Path, note: str, sent: bool) -> int:
        """Submit a CSV file to a competition that takes files, once; as `submit_kernel`."""

        def request() -> Any:
            return self.client.api.competition_submit(str(path), note, self.competition, quiet=True)

        return self._once(note, sent, request)

    def described(self, words: Iterable[str]) -> tuple[int, str] | None:
        """Find the newest submission with one of the words in its description; return both."""
        doing = f"submit to {self.competition}"
        listed = self.client.call(doing, self._list, self.competition)
        return next((one for one in listed if any(word in one[1] for word in words)), None)

    def wait_for_score(self, reference: int) -> Score:
        """Wait until a submission is scored; others of the same account don't matter.

        Raises:
          FailedError: it got no score, for the reason that Kaggle gives.
          UserError: it takes too long.
        """
        title = f"submission {reference}"

        def look() -> tuple[str, Score | None]:
            try:
                answer = self.client.call(
                    f"look at {title}", lambda: self.client.api.get_submission(reference)
                )
            except RefusedError as error:
                if error.status == HTTPStatus.NOT_FOUND:  # a new one is not found for some seconds
                    return "not there yet", None
                raise
            status = answer.status.name.lower()
            if status == "error":
                reason = field(answer, "error_description") or "no reason given"
                raise FailedError(
                    f"{title}: Kaggle did not score it: {reason}; --again makes another one"
                )
            if status != "complete":
                return status, None
            return status, Score(_number(answer, "public_score"), _number(answer, "private_score"))

        return wait(title, look, self.patience)

    def _once(self, note: str, sent: bool, request: Callable[[], Any]) -> int:
        """Submit; where an answer may be lost, first look whether Kaggle has it already."""
        doing = f"submit to {self.competition}"

        def attempt() -> tuple[int, str]:
            nonlocal sent
            found = self._look_for(note) if sent else None
            if found is not None:
                return found, ""
            try:
                response = self.client.ask(request)
            except (OSError, ValueError) as error:
                # A 5xx or a broken connection may hide a submission that was made.
                sent = sent or refusals.perhaps_taken(error)
                raise
            return int(response.ref or 0), field(response, "message")

        try:
            reference, message = self.client.insist(doing, attempt, self.competition)
        except RefusedError as error:
            if sent:
                raise PerhapsSentError(str(error), error.status, error.message) from None
            raise
        if not reference:
            message = message or "no reference"
            raise UserError(f"could not {doing}: Kaggle did not take it: {message}")
        return reference

    def _look_for(self, note: str) -> int | None:
        """Find the reference of the submission with this description; the list may be late."""
        seconds = f"{self.patience.lag:g} s at most"
        say(f"looking whether Kaggle has the submission already, {seconds}")

        def look() -> int | None:
            listed = self.client.ask(self._list)
            return next((ref for ref, description in listed if description == note), None)

        return seek(look, self.patience)

    def _list(self) -> list[tuple[int, str]]:
        """References and descriptions, the newest first."""
        listed = self.client.api.competition_submissions(self.competition, page_size=_LISTED)
        return [(int(one.ref), one.description) for one in listed or [] if one]


def _number(answer: Any, name: str) -> float | None:
    text = field(answer, name)
    return float(text) if text else None
