"""Which forms of attention are compiled, on which machine."""

import pytest

from tpu_check import attention


def test_one_implementation_is_compiled_alone(monkeypatch: pytest.MonkeyPatch):
    compiled: list[tuple[str, str, bool]] = []

    def line(name: str, at: str, form: attention.Form, *, relative: bool) -> attention.Line:
        compiled.append((name, at, relative))
        return attention.Line(name, at, None, None, 0, "")

    monkeypatch.setattr(attention, "_line", line)
    list(attention.lines(["v6e-8", "v5p-8"], "fused"))
    assert compiled == [
        (name, at, name.startswith("DeBERTa"))
        for at in ("v6e-8", "v5p-8")
        for name in ("BERT, fused", "window of 64 to either side, fused", "DeBERTa, fused")
    ]
    compiled.clear()
    list(attention.lines(["v5e-1"], None))
    assert [at for _, at, _ in compiled] == ["v5e-1"] * 10
    assert ("DeBERTa, take_along_axis", "v5e-1", True) in compiled
