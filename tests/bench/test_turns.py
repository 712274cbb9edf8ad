"""Peers run in turn, and what is said when one cannot."""

import json
import sys
from pathlib import Path

import pytest

from bench import turns
from pipeline.errors import UserError

SCRIPT = """
import json, sys, pathlib
asked = json.loads(sys.argv[1])
log = pathlib.Path("log.json")
said = json.loads(log.read_text()) if log.exists() else []
log.write_text(json.dumps([*said, asked["name"]]))
print("a line before")
if asked["name"] == "broken":
    sys.exit("it broke")
print(json.dumps({"speed": len(said)}))
"""


def _peer(name: str, folder: Path) -> turns.Peer:
    (folder / "some_peer.py").write_text(SCRIPT)
    return turns.Peer(name, "some_peer", {"name": name}, sys.executable)


def test_one_after_another_round_by_round(tmp_path: Path):
    peers = [_peer("one", tmp_path), _peer("other", tmp_path)]
    found = turns.in_turn(peers, 2, tmp_path)
    assert json.loads((tmp_path / "log.json").read_text()) == ["one", "other", "one", "other"]
    assert [[figure["speed"] for figure in own] for own in found] == [[0, 2], [1, 3]]


def test_a_peer_that_fails_is_one_line(tmp_path: Path):
    with pytest.raises(UserError, match=r"^broken: it broke$"):
        turns.run(_peer("broken", tmp_path), tmp_path)


def test_an_environment_that_is_not_there(tmp_path: Path):
    peer = turns.Peer("one", "x", {}, ".venv-absent/bin/python")
    with pytest.raises(UserError, match="make peers"):
        turns.run(peer, tmp_path)
