"""Settings of single options: `SET=` of `make try`."""

from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.settings import parse_settings, with_settings
from tests.configurations import DEFAULT, text


def test_values_are_those_of_yaml():
    found = parse_settings(
        "models.tiny.train.optimizer.clip=9e-5 compute.devices=auto models.tiny.train.awp=null "
        "'models.tiny.train.rows={per_step: 4, length: 256}' data.source=\"a b\""
    )
    assert found == {
        "models.tiny.train.optimizer.clip": 9e-5,
        "compute.devices": "auto",
        "models.tiny.train.awp": None,
        "models.tiny.train.rows": {"per_step": 4, "length": 256},
        "data.source": "a b",
    }


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (" ", "SET: expected key=value, such as models.tiny.train.epochs=4"),
        ("epochs 4", "SET: expected key=value, found 'epochs'"),
        ("A.b=1", "SET: expected key=value, found 'A.b=1'"),
        ("a=1 a=2", "SET: a stands twice"),
        ("a='1", 'SET: "a=\'1": no closing quotation'),
    ],
)
def test_what_is_no_setting(words: str, line: str):
    with pytest.raises(UserError) as caught:
        parse_settings(words)
    assert str(caught.value) == line


def test_settings_change_what_they_name_and_nothing_else():
    plain = with_settings(text(DEFAULT), {})
    made = with_settings(text(DEFAULT), {"models.tiny.train.epochs": 4, "ensemble.ridge": 0.5})
    assert made.configuration.whole.models["tiny"].train.epochs == 4
    assert made.configuration.whole.ensemble.ridge == 0.5
    differ = [
        pair
        for pair in zip(plain.text.split(), made.text.split(), strict=True)
        if len(set(pair)) > 1
    ]
    assert differ == [("5e-07,", "0.5,"), ("8", "4")]


def test_an_option_that_is_off_is_put_in_and_taken_away():
    """`session.stop_after_minutes` isn't in the default; its section is."""
    on = with_settings(text(DEFAULT), {"session.stop_after_minutes": 5})
    assert on.configuration.whole.session.stop_after_minutes == 5
    off = with_settings(on.text, {"session.stop_after_minutes": None})
    assert off.text == with_settings(text(DEFAULT), {}).text


def test_a_model_that_shares_another_s_values_changes_alone():
    """As by YAML's aliases."""
    shared = (
        text(DEFAULT)
        .replace("tiny:", "tiny: &it", 1)
        .replace("pretrain:", "  other: *it\npretrain:")
    )
    made = with_settings(shared, {"models.other.train.epochs": 3}).configuration.whole.models
    assert (made["tiny"].train.epochs, made["other"].train.epochs) == (8, 3)


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        (
            "models.tiny.train.epoch",
            4,
            "SET: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'",
        ),
        (
            "models.tiny.train.epochs",
            "x",
            "SET: models.tiny.train.epochs: input should be a valid integer, found 'x'",
        ),
        (
            "folds.first",
            1,
            "SET: folds.first: expected keys in folds, found [0, 1, 2, 3, 4]",
        ),
        ("models.tiny.train.epochs", None, "SET: missing key 'models.tiny.train.epochs'"),
    ],
)
def test_a_wrong_setting_is_one_line(key: str, value: object, line: str):
    with pytest.raises(UserError) as caught:
        with_settings(text(DEFAULT), {key: value}, Path("SET"))
    assert caught.value.lines == (line,)
