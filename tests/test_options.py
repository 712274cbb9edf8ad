"""`make options` shows every option, and every one that is off, in a terminal's width."""

import pytest

from commands import options


def test_every_option_is_told(capsys: pytest.CaptureFixture[str]):
    options.main()
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    told = dict(zip(lines[::2], lines[1::2], strict=True))
    assert all(sentence.startswith("  ") and sentence.endswith(".") for sentence in told.values())
    for line in (
        "data.source: string; required",
        "split.n_folds: integer at least 2 and at most 100; required",
        "folds: list of integer at least 0 and below 100; required",
        "compute.devices: auto | integer at least 1 and at most 1024; required",
        "session.stop_after_minutes: number above 0 | null; default null",
        "models.<name>.train.label_smoothing: number at least 0 and below 1; default 0.0",
        "models.<name>.train.remat: none | selective | full; default none",
        "models.<name>.train.dropout.hidden: number at least 0 and below 1 | null; default null",
        "models.<name>.predict.dtype: float32 | bfloat16 | float16; default float32",
        "models.<name>.predict.length: integer at least 8 and at most 65536; required",
        "labels.from: string; required",
        "members.<name>.oof: string; required",
    ):
        assert line in told
