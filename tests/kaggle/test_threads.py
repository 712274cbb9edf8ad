"""Several threads ask Kaggle at once: each has its own silence and its own time limit."""

import threading

import pytest
import requests
from requests.adapters import HTTPAdapter

from pipeline.kaggle.limits import limited
from pipeline.kaggle.silence import silent


def test_one_is_silent_while_another_speaks(capsys: pytest.CaptureFixture[str]):
    begun, over = threading.Event(), threading.Event()

    def ask() -> None:
        with silent():
            print("advice of the client")
            begun.set()
            over.wait(5)
            print("more of it")

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(5)
    print("a line of the log")
    with silent():
        print("not this one")
    # The other one's silence has outlived ours.
    print("another line")
    over.set()
    thread.join()
    print("the last")
    assert capsys.readouterr().out == "a line of the log\nanother line\nthe last\n"


def test_one_limit_is_not_another_s(monkeypatch: pytest.MonkeyPatch):
    seen: dict[str, object] = {}

    def send(self: HTTPAdapter, request: requests.PreparedRequest, **options: object) -> object:
        seen[str(request.url)] = options.get("timeout")
        return requests.Response()

    monkeypatch.setattr("pipeline.kaggle.limits._SEND", send)
    begun, over = threading.Event(), threading.Event()

    def ask() -> None:
        with limited(7.0):
            begun.set()
            over.wait(5)
            requests.get("http://localhost/theirs")

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(5)
    with limited(40.0):
        requests.get("http://localhost/ours")
    over.set()
    thread.join()
    assert seen == {"http://localhost/ours": (30.0, 40.0), "http://localhost/theirs": (7.0, 7.0)}
