"""Steps that can't be cut as asked are refused before anything is measured."""

import argparse
import dataclasses

import pytest

from bench.scaling import check
from pipeline.errors import UserError
from pipeline.params import Rows, Train
from tests.configurations import section
from tests.training.tiny import options


@pytest.fixture
def train() -> Train:
    """Eight rows of 256 tokens a step."""
    return options(rows=section(Rows, pool=64))


def _options(**changes: list) -> argparse.Namespace:
    fields = {"parts": ["devices", "rows"], "devices": [1, 8], "lengths": [256, 2048]}
    return argparse.Namespace(**(fields | changes))


def test_a_step_in_eight_and_in_one_row(train: Train):
    check(train, _options())


@pytest.mark.parametrize("count", [3, 16])
def test_devices_that_rows_do_not_split_over(train: Train, count: int):
    with pytest.raises(UserError, match=f"--devices {count}: rows.per_step 8"):
        check(train, _options(devices=[1, count]))
    check(train, _options(parts=["rows"], devices=[count]))


def test_devices_that_share_rows_with_accumulation(train: Train):
    twice = dataclasses.replace(train, accumulation=2)
    check(twice, _options(devices=[4]))
    with pytest.raises(UserError, match=r"over 8 device\(s\) x 2 accumulation step\(s\)"):
        check(twice, _options(devices=[8]))


@pytest.mark.parametrize("length", [128, 384, 768, 4096])
def test_lengths_that_rows_do_not_fill(train: Train, length: int):
    with pytest.raises(UserError, match=f"--lengths {length}: rows.per_step 8 of 256 tokens"):
        check(train, _options(lengths=[length]))
    check(train, _options(parts=["devices"], lengths=[length]))
