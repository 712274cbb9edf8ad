"""What several tests of training need."""

import signal
from collections.abc import Iterator

import pytest

from pipeline.training.interruptions import SIGNALS


@pytest.fixture
def signals() -> Iterator[None]:
    """Handlers of signals as they were, once the test is over."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
