"""First mistakes are told before DVC starts, all at once, each with what mends it."""

import re
import shutil
import sys
import types
from pathlib import Path

import pytest

from pipeline.params import Compute
from pipeline.recipes import compose, ready
from tests.configurations import RECIPES
from tests.doctor.project import Project

HUB = {"source": "microsoft/deberta-v3-large", "revision": "main"}
GIGABYTE = 10**9


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CHECKPOINT_ROOT", raising=False)
    return Project(tmp_path)


def _findings(accelerator: str | None = None, model: str | None = None) -> dict[str, list[str]]:
    from pipeline.doctor.examine import examine

    found = examine(Path("params.yaml"), accelerator, model)
    return {
        "errors": [finding.text for finding in found if finding.error],
        "notes": [finding.text for finding in found if not finding.error],
    }


def _errors(accelerator: str | None = None, model: str | None = None) -> list[str]:
    return _findings(accelerator, model)["errors"]


def test_the_sample_has_no_findings(project: Project):
    assert _findings() == {"errors": [], "notes": []}


def test_everything_is_told_at_once(project: Project):
    project.set(
        data__source="data/raw",
        compute__platform="gpu",
        models__tiny__encoder="brt",
        members={"theirs": {"oof": "theirs/oof.csv", "test": "theirs/test.csv"}},
    )
    project.touch("theirs/test.csv", "artifacts/oof/old.parquet")
    assert _errors() == [
        "params.yaml: data.source: data/raw: not found, expected a folder in Kaggle's layout; "
        "`make data` downloads the competition's files into data/raw",
        "params.yaml: compute.platform: gpu, but the installed build of JAX is for cpu; "
        "`make venv ACCELERATOR=cuda` installs the other, or set compute.platform: cpu",
        "params.yaml: models.tiny.encoder: no 'brt'; the nearest is 'bert'",
        "params.yaml: members.theirs.oof: theirs/oof.csv: not found; put the file there, or mend "
        "the path",
        "artifacts/oof: old.parquet is not in params.yaml; `make prune` removes leftovers",
    ]


def test_every_mistake_in_the_configuration_is_told(project: Project):
    project.set(
        folds=[0, 5],
        models__tiny__train__epoch=3,
        models__tiny__train__epochs="8",
        compute__platform="cuda",
    )
    assert _errors() == [
        "params.yaml: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'",
        "params.yaml: compute.platform: input should be 'cpu', 'gpu' or 'tpu', found 'cuda'",
        "params.yaml: models.tiny.train.epochs: input should be a valid integer, found '8'",
    ]


def test_what_holds_between_keys_is_told_at_once_too(project: Project):
    project.set(folds=[0, 5], members={"tiny": {"oof": "o", "test": "t"}})
    assert _errors() == [
        "params.yaml: folds: expected different numbers below split.n_folds (5), found [0, 5]",
        "params.yaml: 'tiny' names two members; rename one",
    ]


def test_a_misspelt_key_is_not_missed_as_well(project: Project):
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("epochs: 8", "epoch: 8"))
    assert _errors() == [
        "params.yaml: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'"
    ]


@pytest.mark.parametrize(
    "name", ["train.csv", "test.csv", "sample_submission.csv", "train", "test"]
)
def test_missing_files_of_the_competition(name: str, project: Project):
    path = project.root / "data/sample" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    kind = "a file in Kaggle's layout" if "." in name else "a folder of text files"
    assert _errors() == [f"data/sample/{name}: not found, expected {kind}"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {"source": "builtin:big"},
            "source: no builtin:big; there are: builtin:tiny, builtin:tiny-deberta",
        ),
        (
            {"source": "./nowhere"},
            "source: ./nowhere: no such folder",
        ),
        (
            {"source": "microsoft/deberta-v3-base"},
            "revision: microsoft/deberta-v3-base: a repository of the Hub needs one: a commit, or "
            "main",
        ),
        (
            {"source": "builtin:tiny", "revision": "main"},
            "revision: builtin:tiny: expected null for such a source",
        ),
    ],
)
def test_backbone_sources(source: dict[str, str], expected: str, project: Project):
    project.set(models__tiny__backbone=source)
    assert _errors() == [f"params.yaml: models.tiny.backbone.{expected}"]


def test_what_a_backbone_needs(project: Project):
    backbone = {"source": "builtin:tiny"}
    project.set(models__tiny__backbone=backbone | {"needs": "data/smaple"})
    assert _errors() == [
        "params.yaml: models.tiny.backbone.needs: data/smaple: not found; mend the path"
    ]
    project.set(models__tiny__backbone=backbone | {"needs": "data/backbones/other"})
    assert _errors() == [], "what the graph writes is there in time"


def test_the_labels_to_train_on(project: Project):
    project.set(labels={"from": "data/typo"})
    assert _errors() == ["params.yaml: labels.from: data/typo: not found; mend the path"]
    project.set(labels={"from": "data/clean/train"})
    assert _errors() == [], "the graph writes it"


def test_an_encoder_that_does_not_serve_the_backbone(project: Project):
    project.set(models__tiny__encoder="deberta")
    assert _errors() == [
        "params.yaml: models.tiny: encoder 'deberta' does not serve model_type 'bert'; "
        "encoder 'bert' does"
    ]


def test_the_file_of_an_encoder(project: Project, monkeypatch: pytest.MonkeyPatch):
    from pipeline.doctor import requirements

    monkeypatch.setattr(requirements, "source_file", lambda encoder: Path(f"gone/{encoder}.py"))
    assert _errors() == ["gone/bert.py: not found; git checkout brings it back"]


def test_a_folder_as_a_backbone(project: Project):
    source = {"source": "mine"}
    project.set(models__tiny__backbone=source)
    (project.root / "mine").mkdir()
    assert _errors() == [
        "mine: no config.json, so it is no backbone",
        "mine: no model.safetensors and no model.safetensors.index.json; only safetensors are read",
        "mine: no tokenizer files; expected tokenizer.json or a vocabulary",
    ]
    project.touch("mine/tokenizer.json", "mine/model.safetensors")
    (project.root / "mine/config.json").write_text('{"model_type": "bert"}')
    (line,) = _errors()
    found = re.fullmatch(
        r"params.yaml: models.tiny.backbone.sha256: mine: expected null, found ([0-9a-f]{64}); "
        r"to take the folder as it is now, write encoder: bert, backbone: \{.*\}", line
    )  # fmt: skip
    assert found
    project.set(models__tiny__backbone=source | {"sha256": found[1]})
    assert _errors() == []
    (project.root / "mine/config.json").write_text("{")
    (line,) = _errors()
    assert line.startswith("mine/config.json: not JSON: ")


def test_a_download_is_a_note(project: Project):
    project.set(models__tiny__encoder="deberta", models__tiny__backbone=HUB)
    line = (
        "microsoft/deberta-v3-large at main comes from the Hugging Face Hub, by its name about "
        "1.7 GB"
    )
    assert line in _findings()["notes"]
    origin = project.root / "data/backbones/tiny/origin.json"
    origin.parent.mkdir(parents=True)
    origin.write_text('{"source": "microsoft/deberta-v3-large", "revision": "refs/pr/1"}')
    assert line in _findings()["notes"], "it is there, but of another revision"
    origin.write_text('{"source": "microsoft/deberta-v3-large", "revision": "main"}')
    assert line not in _findings()["notes"]


@pytest.mark.parametrize(
    ("platform", "accelerator", "expected"),
    [
        ("cpu", None, None),
        ("cpu", "cpu", None),
        (
            "cpu",
            "tpu",
            "compute.platform: cpu, but ACCELERATOR=tpu asks for tpu; set compute.platform: tpu, "
            "or leave ACCELERATOR out",
        ),
        (
            "cpu",
            "cuda",
            "compute.platform: cpu, but ACCELERATOR=cuda asks for gpu; set compute.platform: gpu, "
            "or leave ACCELERATOR out",
        ),
        (
            "gpu",
            "cpu",
            "compute.platform: gpu, but ACCELERATOR=cpu asks for cpu; set compute.platform: cpu, "
            "or leave ACCELERATOR out",
        ),
        (
            "tpu",
            "tpu",
            "compute.platform: tpu, but the installed build of JAX is for cpu; "
            "`make venv ACCELERATOR=tpu` installs the other, or set compute.platform: cpu",
        ),
    ],
)
def test_an_accelerator_asked_for_is_computed_on(
    platform: str, accelerator: str | None, expected: str | None, project: Project
):
    project.set(compute__platform=platform)
    assert _errors(accelerator) == ([f"params.yaml: {expected}"] if expected else [])


def test_rows_are_held_to_the_devices_that_there_are(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    from pipeline import platforms

    def start(compute: Compute) -> list[str]:
        return ["core"] * 3

    monkeypatch.setattr(platforms, "installed", lambda: {"cpu", "tpu"})
    monkeypatch.setitem(sys.modules, "pipeline.devices", types.SimpleNamespace(start=start))  # type: ignore[arg-type]
    project.set(compute__platform="tpu")
    wrong = (
        "8 rows cannot be split over 3 device(s) x 1 accumulation step(s); expected a multiple of 3"
    )
    assert _errors("tpu") == [f"params.yaml: models.tiny.train.rows.per_step: {wrong}"]
    project.set(compute__platform="cpu", compute__devices=16)
    assert len(_errors()) == 1


def test_a_platform_that_is_not_there_hinders_training_alone(project: Project):
    project.set(compute__platform="tpu", compute__devices=3)
    for fold in range(4):
        project.touch(f"artifacts/weights/tiny/fold{fold}/model.safetensors")
    missing = (
        "params.yaml: compute.platform: tpu, but the installed build of JAX is for cpu; "
        "`make venv ACCELERATOR=tpu` installs the other, or set compute.platform: cpu"
    )
    assert _findings() == {"errors": [missing], "notes": []}, "one fold is still to be trained"
    project.touch("artifacts/weights/tiny/fold4/model.safetensors")
    note = (
        "params.yaml: compute.platform: tpu is not on this machine, which goes on from the folds "
        "that are there and can train none"
    )
    assert _findings("cpu") == {"errors": [], "notes": [note]}
    assert _errors(model="tiny") == [missing], "`make smoke` trains"


def test_leftovers_of_folds(project: Project):
    project.touch("artifacts/weights/tiny/fold4/model.safetensors", "artifacts/folds/tiny/fold4/x")
    project.touch("artifacts/test/tiny.parquet", "artifacts/test/baseline.parquet")
    assert _errors() == []
    project.set(folds=[0, 1])
    told = "fold4 is not in params.yaml; `make prune` removes leftovers"
    assert _errors() == [f"artifacts/weights/tiny: {told}", f"artifacts/folds/tiny: {told}"]


@pytest.mark.parametrize(
    ("free", "error"),
    [
        (24, True),  # 5 folds x 1.736 GB are 8.7, three checkpoints of 3 x 1.736 are 15.6
        (25, False),
    ],
)
def test_disk_space(free: int, error: bool, project: Project, monkeypatch: pytest.MonkeyPatch):
    project.set(models__tiny__encoder="deberta", models__tiny__backbone=HUB)
    project.touch("data/backbones/tiny/model.safetensors", size=1_736_000_000)
    (project.root / "data/backbones/tiny/origin.json").write_text(
        '{"source": "microsoft/deberta-v3-large", "revision": "main"}'
    )
    usage = shutil.disk_usage(project.root)._replace(free=free * GIGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    found = _findings()
    told = f"{project.root}: the run needs about 24.3 GB, {free}.0 GB are free"
    advice = "; free some, or move checkpoints elsewhere with CHECKPOINT_ROOT" if error else ""
    assert found["errors" if error else "notes"] == [told + advice]
    for fold in range(5):
        project.touch(f"artifacts/weights/tiny/fold{fold}/model.safetensors")
    assert _findings() == {"errors": [], "notes": []}


def test_token_arrays_take_room_too(project: Project, monkeypatch: pytest.MonkeyPatch):
    """1.4 bytes for a byte of the sample's CSV files."""
    project.touch("data/sample/train.csv", size=2 * GIGABYTE)
    usage = shutil.disk_usage(project.root)._replace(free=GIGABYTE)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    (line,) = _errors()
    assert line.startswith(f"{project.root}: the run needs about 3.0 GB, 1.0 GB are free; free")


def test_checkpoints_elsewhere_are_counted_there(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
):
    from pipeline.doctor import disk

    elsewhere = tmp_path_factory.mktemp("bucket")
    monkeypatch.setenv("CHECKPOINT_ROOT", str(elsewhere / "not" / "made"))
    project.touch("data/backbones/tiny/model.safetensors", size=GIGABYTE)
    usage = shutil.disk_usage(project.root)._replace(free=8_500_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setattr(
        disk,
        "device",
        lambda path: "bucket" if elsewhere in path.parents or path == elsewhere else "disk",
    )
    (line,) = _errors()
    assert line.startswith(f"{elsewhere}: the run needs about 9.0 GB, 8.5 GB are free")


def test_one_model_alone(project: Project):
    """`make smoke` needs neither members nor room, and stops at no other model's mistake."""
    text = Path("params.yaml").read_text(encoding="utf-8")
    model = text[text.index("  tiny:\n") : text.index("\nmembers:")]
    other = model.replace("  tiny:\n", "  other:\n").replace("encoder: bert", "encoder: brt")
    Path("params.yaml").write_text(text.replace("\nmembers:", f"{other}\nmembers:"))
    project.touch("artifacts/oof/old.parquet")
    assert _errors(model="tiny") == []
    assert _errors(model="other") == [
        "params.yaml: models.other.encoder: no 'brt'; the nearest is 'bert'"
    ]
    assert _errors(model="third") == [
        "params.yaml: models: no 'third'; the nearest valid one is 'other'"
    ]


def test_the_command_prints_lines_and_ends_with_a_status(
    project: Project, capsys: pytest.CaptureFixture[str]
):
    from commands import doctor

    doctor.main([])
    assert capsys.readouterr() == ("nothing stands in the way of this configuration\n", "")
    project.set(models__tiny__encoder="brt", data__source="data/raw")
    with pytest.raises(SystemExit) as ended:
        doctor.main(["--accelerator", "cuda"])
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("error: params.yaml: ") for line in lines)


@pytest.mark.parametrize("recipe", ready(RECIPES), ids=lambda p: p.stem)
def test_recipes_miss_only_data_and_accelerator(recipe: Path, project: Project):
    Path("params.yaml").write_text(compose(recipe, RECIPES).text)
    usual = (
        r"params.yaml: (data.source: data/raw: not found|compute.platform: [gt]pu, but the inst)"
    )
    assert [line for line in _errors() if not re.match(usual, line)] == []


def test_as_many_checkpoints_are_counted_as_there_can_be():
    from pipeline.doctor import disk
    from pipeline.training import checkpoint

    assert disk._CHECKPOINTS == checkpoint._KEPT + 1
