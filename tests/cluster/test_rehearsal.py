"""The verdict on a training that was cut off, from what a coordinator said."""

import pytest

from pipeline.cluster.rehearsal import Loss, check
from pipeline.errors import UserError

BEFORE = ["train@tiny-1: 54 steps on 1", "train@tiny-1: resumed at step 3 of 54"]
BEGINS = "train@tiny-1: 54 steps on 1 cpu"
LOSS = Loss("train@tiny-1", 14, len(BEFORE))


@pytest.mark.parametrize(
    "lines",
    [
        [BEGINS, "train@tiny-1: resumed at step 14 of 54"],
        # Cut off once more before it could say so.
        [BEGINS, BEGINS, "train@tiny-1: resumed at step 20 of 54, trained on 1 device(s)"],
        # It had been pushed.
        ["train@tiny-1: begins on host"],
    ],
)
def test_what_was_saved_is_gone_on_from(lines: list[str]) -> None:
    check(LOSS, [*BEFORE, *lines])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([BEGINS], "went on from its beginning$"),
        (
            [BEGINS, "train@tiny-1: resumed at step 13 of 54"],
            "at step 14, went on at step 13$",
        ),
        ([BEGINS, "train@tiny-11: resumed at step 14 of 54"], "from its beginning"),
    ],
)
def test_what_is_trained_again_is_told(lines: list[str], told: str) -> None:
    with pytest.raises(UserError, match=told):
        check(LOSS, [*BEFORE, *lines])


def test_what_was_not_saved_begins_anew() -> None:
    check(Loss("train@tiny-1", 0, 0), [BEGINS])
