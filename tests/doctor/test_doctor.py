"""First mistakes are told before DVC starts, all at once, each with what mends it."""

import re
import shutil
import sys
import types
from pathlib import Path

import pytest

from pipeline.params import Compute
from pipeline.recipes import compose, ready
from tests.configurations import RECIPES, SMALL, changed
from tests.doctor.project import HUB, Project, errors, findings


def test_the_sample_has_no_findings(project: Project):
    assert findings() == {"errors": [], "notes": []}


def test_everything_is_told_at_once(project: Project):
    project.set(
        data__source="data/raw",
        compute__platform="gpu",
        models__tiny__encoder="brt",
        members={"theirs": {"oof": "theirs/oof.csv", "test": "theirs/test.csv"}},
    )
    project.touch("theirs/test.csv", "artifacts/oof/old.parquet")
    assert errors() == [
        "params.yaml: data.source: data/raw: not found, expected a folder in Kaggle's layout; "
        "`make data` downloads the competition's files into data/raw",
        "params.yaml: compute.platform: gpu, but the installed build of JAX is for cpu; "
        "`make venv ACCELERATOR=cuda` installs the other, or set compute.platform: cpu",
        "params.yaml: models.tiny.encoder: no 'brt'; the nearest valid one is 'bert'",
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
    assert errors() == [
        "params.yaml: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'",
        "params.yaml: compute.platform: input should be 'cpu', 'gpu' or 'tpu', found 'cuda'",
        "params.yaml: models.tiny.train.epochs: input should be a valid integer, found '8'",
    ]


def test_what_holds_between_keys_is_told_at_once_too(project: Project):
    project.set(folds=[0, 5], members={"tiny": {"oof": "o", "test": "t"}})
    assert errors() == [
        "params.yaml: folds: expected different numbers below split.n_folds (5), found [0, 5]",
        "params.yaml: 'tiny' names two members; rename one",
    ]


def test_a_misspelt_key_is_not_missed_as_well(project: Project):
    text = Path("params.yaml").read_text(encoding="utf-8")
    Path("params.yaml").write_text(text.replace("epochs: 8", "epoch: 8"))
    assert errors() == [
        "params.yaml: unknown key 'models.tiny.train.epoch'; the nearest valid one is 'epochs'"
    ]


@pytest.mark.parametrize(
    "name", ["train.csv", "test.csv", "sample_submission.csv", "train", "test"]
)
def test_missing_files_of_the_competition(name: str, project: Project):
    path = project.root / "data/sample" / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    kind = "a file in Kaggle's layout" if "." in name else "a folder of text files"
    assert errors() == [f"data/sample/{name}: not found, expected {kind}"]


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
            {"source": "~nobody-of-that-name/mine"},
            "source: ~nobody-of-that-name/mine: no such folder",
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
    assert errors() == [f"params.yaml: models.tiny.backbone.{expected}"]


def test_what_a_backbone_needs(project: Project):
    backbone = {"source": "builtin:tiny"}
    project.set(models__tiny__backbone=backbone | {"needs": "data/smaple"})
    assert errors() == [
        "params.yaml: models.tiny.backbone.needs: data/smaple: not found; mend the path"
    ]
    project.set(models__tiny__backbone=backbone | {"needs": "data/backbones/other"})
    assert errors() == [], "what the graph writes is there in time"


def test_the_labels_to_train_on(project: Project):
    project.set(labels={"from": "data/typo"})
    assert errors() == ["params.yaml: labels.from: data/typo: not found; mend the path"]
    project.set(labels={"from": "data/clean/train"})
    assert errors() == [], "the graph writes it"


def test_an_encoder_that_does_not_serve_the_backbone(project: Project):
    project.set(models__tiny__encoder="deberta")
    assert errors() == [
        "params.yaml: models.tiny: encoder 'deberta' does not serve model_type 'bert'; "
        "encoder 'bert' does"
    ]


def test_the_file_of_an_encoder(project: Project, monkeypatch: pytest.MonkeyPatch):
    from pipeline.doctor import requirements

    monkeypatch.setattr(requirements, "source_file", lambda encoder: Path(f"gone/{encoder}.py"))
    assert errors() == ["gone/bert.py: not found; git checkout brings it back"]


def test_a_folder_as_a_backbone(project: Project):
    source = {"source": "mine"}
    project.set(models__tiny__backbone=source)
    (project.root / "mine").mkdir()
    assert errors() == [
        "mine: no config.json, so it is no backbone",
        "mine: no model.safetensors and no model.safetensors.index.json; only safetensors are read",
        "mine: no tokenizer files; expected tokenizer.json or a vocabulary",
    ]
    project.touch("mine/tokenizer.json", "mine/model.safetensors")
    (project.root / "mine/config.json").write_text('{"model_type": "bert"}')
    (line,) = errors()
    found = re.fullmatch(
        r"params.yaml: models.tiny.backbone.sha256: mine: expected null, found ([0-9a-f]{64}); "
        r"to take the folder as it is now, write encoder: bert, backbone: \{.*\}", line
    )  # fmt: skip
    assert found
    project.set(models__tiny__backbone=source | {"sha256": found[1]})
    assert errors() == []
    (project.root / "mine/config.json").write_text("{")
    (line,) = errors()
    assert line.startswith("mine/config.json: not JSON: ")


def test_a_download_is_a_note(project: Project):
    project.set(models__tiny__encoder="deberta", models__tiny__backbone=HUB)
    line = (
        "microsoft/deberta-v3-large at main comes from the Hugging Face Hub, by its name about "
        "1.7 GB"
    )
    assert line in findings()["notes"]
    origin = project.root / "data/backbones/tiny/origin.json"
    origin.parent.mkdir(parents=True)
    origin.write_text('{"source": "microsoft/deberta-v3-large", "revision": "refs/pr/1"}')
    assert line in findings()["notes"], "it is there, but of another revision"
    origin.write_text('{"source": "microsoft/deberta-v3-large", "revision": "main"}')
    assert line not in findings()["notes"]


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
    assert errors(accelerator) == ([f"params.yaml: {expected}"] if expected else [])


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
    assert errors("tpu") == [f"params.yaml: models.tiny.train.rows.per_step: {wrong}"]
    project.set(compute__platform="cpu", compute__devices=16)
    assert len(errors()) == 1


def test_a_platform_that_is_not_there_hinders_training_alone(project: Project):
    project.set(compute__platform="tpu", compute__devices=3)
    for fold in range(4):
        project.touch(f"artifacts/weights/tiny/fold{fold}/model.safetensors")
    missing = (
        "params.yaml: compute.platform: tpu, but the installed build of JAX is for cpu; "
        "`make venv ACCELERATOR=tpu` installs the other, or set compute.platform: cpu"
    )
    assert findings() == {"errors": [missing], "notes": []}, "one fold is still to be trained"
    project.touch("artifacts/weights/tiny/fold4/model.safetensors")
    note = (
        "params.yaml: compute.platform: tpu is not on this machine, which goes on from the folds "
        "that are there and can train none"
    )
    assert findings("cpu") == {"errors": [], "notes": [note]}
    assert errors(model="tiny") == [missing], "`make smoke` trains"
    project.set(full=["tiny"])
    assert errors() == [missing], "a full fit is to be trained too"
    project.touch("artifacts/weights/tiny/full/model.safetensors")
    assert errors() == []


def test_one_model_alone(project: Project):
    """`make smoke` needs neither members nor room, and stops at no other model's mistake."""
    text = Path("params.yaml").read_text(encoding="utf-8")
    model = text[text.index("  tiny:\n") : text.index("\npretrain:")]
    other = model.replace("  tiny:\n", "  other:\n").replace("encoder: bert", "encoder: brt")
    Path("params.yaml").write_text(text.replace("\npretrain:", f"{other}\npretrain:"))
    project.touch("artifacts/oof/old.parquet")
    assert errors(model="tiny") == []
    assert errors(model="other") == [
        "params.yaml: models.other.encoder: no 'brt'; the nearest valid one is 'bert'"
    ]
    assert errors(model="third") == [
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


def test_a_folder_of_unlabelled_essays_is_looked_into(project: Project):
    student = changed(SMALL["models"]["small"], {"train": {"soft_labels": "both"}})
    project.set(
        models__second=student, unlabelled={"second": {"teacher": "tiny", "essays": "more"}}
    )
    assert errors() == [
        "params.yaml: unlabelled.second.essays: more: not found, expected a folder in Kaggle's "
        "layout"
    ]
    assert errors(model="tiny") == []
    project.touch("more/one.txt")
    assert errors() == [
        "more/test.csv: not found, expected the elements of the essays in more/test; texts without "
        "their elements can't be labelled"
    ]
    project.touch("more/test.csv")
    assert errors() == ["more/test: not found, expected a folder of text files"]
    project.touch("more/test/one.txt")
    assert errors() == []


@pytest.mark.parametrize("recipe", ready(RECIPES), ids=lambda p: p.stem)
def test_recipes_miss_only_data_and_accelerator(recipe: Path, project: Project):
    Path("params.yaml").write_text(compose(recipe, RECIPES).text)
    usual = (
        r"params.yaml: (data.source: data/raw: not found|compute.platform: [gt]pu, but the inst"
        r"|pretrain.\w+.texts: data/unlabelled: not found"
        r"|unlabelled.\w+.essays: data/more: not found)"
    )
    assert [line for line in errors() if not re.match(usual, line)] == []
