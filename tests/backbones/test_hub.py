"""The real client of the Hub, in processes of its own, against a server on loopback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.backbones import hub
from pipeline.errors import UserError
from pipeline.files import sha256
from tests.backbones.hub_server import Hub, Repository, serve
from tests.backbones.test_make import write_bert

MAIN, PULL, OTHER = "a" * 40, "b" * 40, "c" * 40
BRING = """
import json, sys
from pathlib import Path
from pipeline.backbones.hub import download
from pipeline.errors import UserError
for line in sys.stdin:
    name, revision, into = json.loads(line)
    Path(into).mkdir(parents=True)
    try:
        told = download(name, revision, Path(into))
    except UserError as error:
        told = f"error: {error}"
    print(json.dumps(told), flush=True)
"""
MAKE = """
import json, sys
from pathlib import Path
from pipeline import params
from pipeline.backbones.make import make
from pipeline.competition.schema import TASK
from tests.configurations import section
name, revision, out = json.loads(sys.stdin.readline())
source = section(params.Backbone, source=name, revision=revision)
print(json.dumps(make(source, "bert", Path("nowhere"), TASK, Path(out))))
"""
FILES = {"config.json": b"{}", "tokenizer.json": b"{}"}
WEIGHTS = {"model.safetensors": b"weights"}
SHARDED = {
    "model.safetensors.index.json": b'{"weight_map": {"a": "m-1.safetensors"}}',
    "m-1.safetensors": b"shard",
    "README.md": b"not taken",
    "pytorch_model.bin": b"not taken",
}


def one(files: dict[str, bytes], refusal: tuple[int, str] | None = None) -> Repository:
    return Repository({MAIN: files}, {"main": MAIN}, refusal)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    folder = tmp_path_factory.mktemp("real")
    write_bert(folder)
    real = {path.name: path.read_bytes() for path in folder.iterdir()}
    repositories = {
        "some/real": one(real),
        "some/sharded": one(FILES | SHARDED),
        "some/pickled": Repository(
            {
                MAIN: FILES | {"pytorch_model.bin": b"pickle"},
                PULL: FILES | WEIGHTS,
                OTHER: FILES | {"README.md": b"a typo"},
            },
            {"main": MAIN, "refs/pr/3": PULL, "refs/pr/11": OTHER, "v1.0": PULL},
        ),
        "some/lonely": one(FILES | {"pytorch_model.bin": b"pickle"}),
        "some/gated": one(FILES | WEIGHTS, (403, "GatedRepo")),
        "some/strange": one(FILES | WEIGHTS, (418, "Teapot")),
        "some/dataset": one(WEIGHTS),
        "some/mute": one({"config.json": b"{}"} | WEIGHTS),
        "some/empty": one(FILES),
    }
    with serve(repositories) as hub:
        yield hub


def client(script: str, asked: list[tuple[str, str, str]], endpoint: str, home: Path) -> list:
    """Run a script on (name, revision, folder) lines; what it printed of each."""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="".join(json.dumps(one) + "\n" for one in asked),
        env=os.environ
        | {
            "HF_ENDPOINT": endpoint,
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(home),
            "NO_PROXY": "127.0.0.1",
            "JAX_PLATFORMS": "cpu",
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


REFUSED = {
    ("some/pickled", "main"): "expected model.safetensors, found only a pickle (pytorch_model.bin)"
    f", which is never opened; these pull requests hold it: revision: {PULL} (refs/pr/3)",
    (
        "some/lonely",
        "main",
    ): "only a pickle (pytorch_model.bin), which is never opened; no pull request of the "
    "repository holds model.safetensors either",
    ("some/pickled", "v2"): "no such revision; expected a branch, tag, refs/pr/N or commit",
    ("some/nothing", "main"): "no such repository or folder, or no access",
    ("some/gated", "main"): "gated; accept its terms on the Hub and log in",
    ("some/strange", "main"): "the server said HTTP 418",
    ("some/dataset", "main"): "no config.json, so it is no backbone",
    ("some/mute", "main"): "no tokenizer files",
    ("some/empty", "main"): "found no weights",
    ("not an id", "main"): "expected the form owner/name",
}
TAKEN = {
    ("some/pickled", "refs/pr/3"): (PULL, {*FILES, *WEIGHTS}),
    ("some/pickled", "v1.0"): (PULL, {*FILES, *WEIGHTS}),
    ("some/pickled", PULL): (PULL, {*FILES, *WEIGHTS}),
    ("some/sharded", "main"): (MAIN, {*FILES, *SHARDED} - {"README.md", "pytorch_model.bin"}),
}


@pytest.fixture(scope="module")
def brought(
    server: Hub, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], tuple[str, Path]]:
    """What the client made of every case: its answer and the folder."""
    home = tmp_path_factory.mktemp("home")
    cases = [*REFUSED, *TAKEN]
    folders = [home / f"case{i}" for i in range(len(cases))]
    asked = [(*case, str(folder)) for case, folder in zip(cases, folders, strict=True)]
    told = client(BRING, asked, server.endpoint, home)
    return dict(zip(cases, zip(told, folders, strict=True), strict=True))


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_line(case: tuple[str, str], brought: dict):
    told, _ = brought[case]
    assert told.startswith(f"error: Hugging Face Hub: {case[0]} at {case[1]!r}: "), told
    assert REFUSED[case] in told
    assert "\n" not in told


@pytest.mark.parametrize("case", TAKEN)
def test_a_revision_is_resolved_and_only_what_is_needed_is_taken(
    case: tuple[str, str], brought: dict
):
    commit, files = TAKEN[case]
    told, folder = brought[case]
    assert told == commit
    assert {path.name for path in folder.iterdir()} == files


def test_nothing_else_was_downloaded(brought: dict, server: Hub):
    assert brought
    taken = {path.rsplit("/", 1)[-1] for path in server.asked if "/resolve/" in path}
    assert not taken & {"README.md", "pytorch_model.bin"}


def test_a_backbone_from_the_hub(server: Hub, tmp_path: Path):
    out = tmp_path / "out"
    (origin,) = client(MAKE, [("some/real", "main", str(out))], server.endpoint, tmp_path)
    assert origin == json.loads((out / "origin.json").read_text())
    assert (origin["source"], origin["revision"]) == ("some/real", "main")
    assert origin["commit"] == MAIN
    write_bert(tmp_path / "same")
    assert origin["files"] == {p.name: sha256(p) for p in (tmp_path / "same").iterdir()}
    assert json.loads((out / "config.json").read_text())["model_type"] == "bert"


def test_a_server_that_is_not_there(tmp_path: Path):
    asked = [("some/real", "main", str(tmp_path / "into"))]
    (told,) = client(BRING, asked, "http://127.0.0.1:9", tmp_path)
    assert told.startswith("error: Hugging Face Hub: some/real at 'main': cannot be reached (")


def test_offline(tmp_path: Path):
    with pytest.raises(UserError, match="HF_HUB_OFFLINE forbids downloads"):
        hub.download("some/real", "main", tmp_path)
