"""Medians, spreads, ratios round by round, and the markdown around them."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench import tables


def test_a_table():
    made = tables.table(("a", "b"), [["1", "2"]])
    assert made == "| a | b |\n| --- | --- |\n| 1 | 2 |"


def test_the_spread_of_several_and_of_one():
    assert tables.spread([3.0, 1.0, 2.0]) == "2.00 (1.00 to 3.00)"
    assert tables.spread([1234.5, 2234.5], ",.0f") == "1,734 (1,234 to 2,234)"
    assert tables.spread([0.123], ".1%") == "12.3%"


def test_ratios_are_of_one_round():
    assert tables.ratios([2.0, 9.0], [1.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="zip"):
        tables.ratios([1.0], [1.0, 2.0])


def test_the_table_of_ratios_is_no_ratio_of_medians():
    figures = [
        [{"speed": 2.0}, {"speed": 8.0}, {"speed": 9.0}],
        [{"speed": 1.0}, {"speed": 8.0}, {"speed": 3.0}],
    ]
    made = tables.ratio_table(["ours, fast", "torch"], figures, "speed", ours="ours")
    assert made.splitlines()[-1] == "| ours, fast | 2.00 (1.00 to 3.00) |"
    assert made.splitlines()[0] == "| times as fast as | torch |"


def test_the_processor_by_its_name(tmp_path: Path):
    info = tmp_path / "cpuinfo"
    info.write_text(
        "processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: sse avx512_bf16\n\n"
        "processor\t: 1\nmodel name\t: Another\n"
    )
    assert tables.processor(info) == "Some CPU with avx512_bf16"


def test_versions_are_told_once():
    figures = [{"versions": {"jax": "1"}}, {"versions": {"jax": "1", "torch": "2"}}]
    told = tables.machine(figures).split("; ")
    assert told[-2:] == ["jax 1", "torch 2"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux itself")
def test_cores_are_those_that_the_process_is_tied_to() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert tables.cores() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert tables.cores() == len(before)


def test_cores_where_no_process_is_tied_to_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "Process", SimpleNamespace)
    monkeypatch.setattr(psutil, "cpu_count", lambda: 12)
    assert tables.cores() == 12
