"""Units by their names."""

import pytest

from pipeline.units import NO_FOLD, Unit, unit_of


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("fold0", Unit(0)),
        ("fold12-seed7", Unit(12, 7)),
        ("full", Unit(NO_FOLD)),
        ("full-seed7", Unit(NO_FOLD, 7)),
    ],
)
def test_a_name_is_read_as_it_is_written(name: str, unit: Unit):
    assert unit.name == name
    assert unit_of(name) == unit


@pytest.mark.parametrize("name", ["fold", "fold0-seed", "full0", "fold0.tmp", "-1", ""])
def test_other_names_are_no_units(name: str):
    assert unit_of(name) is None
