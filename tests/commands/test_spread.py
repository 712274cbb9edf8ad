"""`make spread`: what is told before a cluster is asked, and where there is no Ray."""

import sys
from pathlib import Path

import pytest

from commands import spread, spread_check
from pipeline.cluster.ray_tasks import Cluster
from pipeline.errors import UserError
from tests.configurations import DEFAULT, changed, write


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_platform_that_is_not_here_is_no_fault_of_the_coordinator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    Path("data/sample").mkdir(parents=True)
    asked: list[object] = []
    monkeypatch.setattr(spread, "spread", lambda *words: asked.extend(words[1:]))
    write(changed(DEFAULT, {"compute": {"platform": "tpu"}, "folds": [0]}))
    with pytest.raises(UserError) as told:
        spread.main([])
    assert "compute.platform" not in "".join(told.value.lines)


def test_a_mistake_is_told_before_a_cluster_is_asked() -> None:
    Path("params.yaml").write_text("folsd: [0]\n")
    with pytest.raises(UserError, match=r"^params\.yaml: "):
        spread.main([])


@pytest.mark.parametrize("word", ["0", "-1", "x", "1.5"])
def test_a_number_is_one_from_one_on(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        spread.main([f"--cpus={word}"])
    assert "expected a number from 1 on" in capsys.readouterr().err


def test_without_ray_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"^commands\.spread: no ray .*; run: make spread$"):
        Cluster("auto").__enter__()


def test_an_address_of_ray_s_client_is_told() -> None:
    with pytest.raises(UserError, match=r"^ADDRESS: expected auto or host:port, found 'ray://h:1'"):
        Cluster("ray://h:1").__enter__()


def test_the_check_knows_both_files() -> None:
    root = Path(__file__).parents[2]
    assert sorted(path.name for path in (root / "cluster").glob("*.yaml")) == [
        path.name for path in spread_check.FILES
    ]
