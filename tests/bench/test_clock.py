"""Steps are counted where they should be; times themselves are not tested."""

from collections.abc import Iterator

import pytest

from bench.peers import clock


class Work:
    """Steps of 10, 20, 30... tokens, which note what happens."""

    def __init__(self) -> None:
        self.log: list[str] = []

    def steps(self, count: int) -> Iterator[int]:
        for number in range(1, count + 1):
            self.log.append(f"step {number}")
            yield 10 * number

    def wait(self) -> None:
        self.log.append("wait")

    def score(self) -> float:
        self.log.append("score")
        return float(len(self.log))


def test_the_first_step_is_waited_for_and_left_out(monkeypatch: pytest.MonkeyPatch):
    times = iter([0.0, 5.0, 5.0, 15.0])
    monkeypatch.setattr(clock, "perf_counter", lambda: next(times))
    work = Work()
    figures = clock.speed(work.steps(3), work.wait)
    assert work.log == ["step 1", "wait", "step 2", "step 3", "wait"]
    assert figures == {"first_step": 5.0, "tokens_per_second": 5.0, "steps_per_second": 0.2}


def test_the_clock_stands_while_a_race_is_scored(monkeypatch: pytest.MonkeyPatch):
    # Began, first step's end, end of the first part; then the second part's two.
    times = iter([0.0, 3.0, 4.0, 100.0, 105.0])
    monkeypatch.setattr(clock, "perf_counter", lambda: next(times))
    work = Work()
    figures = clock.race(work.steps(4), [2, 4], work.wait, work.score)
    assert [seconds for seconds, _ in figures["curve"]] == [4.0, 9.0]
    first, rest = ["step 1", "wait", "step 2", "wait", "score"], ["step 3", "step 4", "wait"]
    assert work.log == [*first, *rest, "score"]
    assert figures["first_step"] == 3.0
    assert figures["tokens_per_second"] == (20 + 30 + 40) / 6.0


def test_a_first_part_of_one_step(monkeypatch: pytest.MonkeyPatch):
    times = iter(float(t) for t in range(9))
    monkeypatch.setattr(clock, "perf_counter", lambda: next(times))
    work = Work()
    clock.race(work.steps(2), [1, 2], work.wait, work.score)
    assert work.log == ["step 1", "wait", "wait", "score", "step 2", "wait", "score"]


def test_when_a_loss_was_reached():
    curve = [(1.0, 0.9), (2.0, 0.7), (3.0, 0.8)]
    assert clock.reached(curve, 0.8) == 2.0
    assert clock.reached(curve, 0.7) == 2.0
    assert clock.reached(curve, 0.6) is None


def test_evaluations_end_with_each_epoch():
    assert clock.evaluations(10, 2, 4) == [3, 5, 8, 10, 13, 15, 18, 20]
    assert clock.evaluations(2, 1, 4) == [1, 2]
