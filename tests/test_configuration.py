"""A configuration's sections, and what of them is written."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from pipeline import params
from pipeline.configuration import check, written
from pipeline.errors import UserError
from tests.configurations import DEFAULT, changed, section


def nested(key: str, value: object) -> dict[str, Any]:
    """A change of one value, as `changed` takes it."""
    for part in reversed(key.split(".")):
        value = {part: value}
    assert isinstance(value, dict)
    return value


def error(changes: dict[str, Any]) -> str:
    with pytest.raises(UserError) as told:
        check(changed(DEFAULT, changes), Path("params.yaml"))
    return str(told.value)


def test_what_is_off_is_not_written():
    assert written(section(params.Train)) == DEFAULT["models"]["tiny"]["train"]


def test_what_is_on_is_written():
    dropout = section(params.Dropout, attention=0.0)
    train = section(params.Train, label_smoothing=0.1, dropout=dropout)
    tree = DEFAULT["models"]["tiny"]["train"]
    assert written(train) == tree | {"label_smoothing": 0.1, "dropout": {"attention": 0.0}}


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("baseline.max_features", 10_000_000),
        ("baseline.ngrams", 100),
        ("baseline.min_documents", 1_000_000),
        ("compute.devices", 1024),
        ("models.tiny.inputs.window", 65_536),
        ("models.tiny.inputs.overlap", 65_536),
        ("models.tiny.train.rows.per_step", 65_536),
        ("models.tiny.train.rows.length", 65_536),
        ("models.tiny.train.rows.slots", 65_536),
        ("models.tiny.train.rows.pool", 1_000_000),
        ("models.tiny.train.epochs", 1000),
        ("models.tiny.train.accumulation", 65_536),
        ("models.tiny.train.evaluations", 1000),
        ("models.tiny.predict.length", 65_536),
        ("ensemble.nested_folds", 100),
    ],
)
def test_what_takes_memory_or_time_is_bounded(key: str, most: int):
    """A slip of the finger is told at once, and not by a machine that has none left."""
    expected = f"input should be less than or equal to {most}, found {10**9}"
    assert error(nested(key, 10**9)).endswith(f"{key}: {expected}") or key == "compute.devices"
    assert f"{key}" in error(nested(key, most + 1))


def test_every_integer_has_a_bound():
    schema = TypeAdapter(params.Parameters).json_schema()
    found = [
        one
        for section in (schema, *schema["$defs"].values())
        for option in section["properties"].values()
        for one in (option, *option.get("anyOf", ()), option.get("items", {}))
        if one.get("type") == "integer"
    ]
    assert len(found) > 20
    assert [one for one in found if not {"maximum", "exclusiveMaximum"} & one.keys()] == []


@pytest.mark.parametrize("rows", ["train.rows", "predict"])
def test_a_step_is_bounded_as_a_whole(rows: str):
    changes = nested(f"models.tiny.{rows}", {"per_step": 65_536, "slots": 257})
    assert error(changes) == (
        f"params.yaml: models.tiny.{rows}: 65,536 rows of 257 tokens or slots a step; expected at "
        "most 16,777,216 in all"
    )
    check(changed(DEFAULT, nested(f"models.tiny.{rows}.per_step", 65_536)), Path("params.yaml"))


@pytest.mark.parametrize("rows", ["train.rows", "predict"])
def test_a_row_holds_a_window(rows: str):
    """`predict` would say so after the night that `train` takes."""
    assert error(nested(f"models.tiny.{rows}.length", 255)) == (
        f"params.yaml: models.tiny.{rows}.length: 255 tokens; expected at least those of "
        "inputs.window, 256"
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": 0.1}, "leaves none and size 0.1"),
        ({"leaves": "all"}, "leaves all and size 0.0"),
        ({"bound": 0.1}, "leaves none and size 0.0"),
    ],
)
def test_half_a_perturbation_is_none(changes: dict[str, Any], words: str):
    assert error(nested("models.tiny.train.perturbation", changes)) == (
        f"params.yaml: models.tiny.train.perturbation: {words} move nothing; expected both or "
        "neither, and nothing beside neither"
    )


def test_a_topic_has_to_be_there():
    topics = {"prompt": {"count": 15, "words": 6, "seed": 1}}
    changes = {"topics": topics} | nested("models.tiny.inputs.topic", "promt")
    assert error(changes) == (
        "params.yaml: models.tiny.inputs.topic: no 'promt' in topics; the nearest valid one is "
        "'prompt'"
    )
    changes = {"topics": topics} | nested("models.tiny.inputs.topic", "prompt")
    check(changed(DEFAULT, changes), Path("params.yaml"))


@pytest.mark.parametrize("section", ["models", "members"])
def test_names_fit_a_file_system(section: str):
    value = DEFAULT["models"]["tiny"] if section == "models" else {"oof": "a", "test": "b"}
    check(changed(DEFAULT, {section: {"a" * 64: value}}), Path("params.yaml"))
    told = error({section: {"a" * 65: value}})
    assert "string should match pattern '^[a-z0-9_]{1,64}$'" in told


def test_keys_of_a_section_that_may_be_null_are_named():
    stacker = {"rounds": 60, "rat": 0.1, "leaves": 8, "rows_per_leaf": 60}
    assert error(nested("ensemble.stacker", stacker)) == (
        "params.yaml: unknown key 'ensemble.stacker.rat'; the nearest valid one is 'rate'"
    )
    assert error(nested("ensemble.stacker", 3)) == (
        "params.yaml: ensemble.stacker: expected keys with values, found 3"
    )


SPANS = {"share": 0.4, "shortest": 2, "longest": 6}
PRETRAIN = {
    "base": "tiny",
    "essays": "data/clean/train",
    "texts": "data/clean/train",
    "held_out": 0.05,
    "window": 256,
    "spans": SPANS,
    "train": DEFAULT["models"]["tiny"]["train"],
}
SECOND = changed(
    DEFAULT["models"]["tiny"],
    {"backbone": {"source": "data/pretrained/mlm", "needs": "data/pretrained/mlm"}},
)


def test_pre_trainings_lead_back_to_no_model():
    """Over one step or two."""

    def after(key: str) -> dict[str, Any]:
        folder = f"data/pretrained/{key}"
        return changed(SECOND, {"backbone": {"source": folder, "needs": folder}})

    tree = {
        "pretrain": {"a": PRETRAIN | {"base": "second"}, "b": PRETRAIN | {"base": "first"}},
        "models": {"first": after("a"), "second": after("b")},
    }
    assert error(tree) == (
        "params.yaml: models.first.backbone.source: data/pretrained/a: is made from this model's "
        "own backbone; name another base"
    )


def test_a_model_may_start_from_a_pre_training():
    tree = {"pretrain": {"mlm": PRETRAIN}, "models": {"second": SECOND}}
    assert check(changed(DEFAULT, tree), Path("params.yaml")).pretrain["mlm"].base == "tiny"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"base": "tinny"}, "pretrain.mlm.base: no model 'tinny'"),
        (
            {"spans": {"shortest": 7}},
            "pretrain.mlm.spans.shortest: 7 words; expected at most those of spans.longest, 6",
        ),
        (
            {"spans": {"random": 0.6, "kept": 0.5}},
            "pretrain.mlm.spans: random and kept: 1.1; expected at most 1",
        ),
        ({"spans": {"share": 1.0}}, "pretrain.mlm.spans.share: input should be less than 1"),
        ({"held_out": 0.0}, "pretrain.mlm.held_out: input should be greater than 0"),
        (
            {"window": 512},
            "pretrain.mlm.train.rows.length: 256 tokens; expected at least those of window, 512",
        ),
        (
            {"train": {"dropout": {"head": 0.1}}},
            "pretrain.mlm.train.dropout.head: a masked language model's head has none",
        ),
    ],
)
def test_a_pre_training_s_mistakes_are_told(changes: dict[str, Any], told: str):
    assert told in error({"pretrain": {"mlm": changed(PRETRAIN, changes)}})


@pytest.mark.parametrize(
    ("backbone", "told"),
    [
        ({"source": "data/pretrained/mln"}, "data/pretrained/mln: no pretrain.mln; the nearest"),
        ({"needs": "data/sample"}, "models.second.backbone.needs: data/sample; expected data/pre"),
    ],
)
def test_a_source_that_is_not_made_first_is_told(backbone: dict[str, Any], told: str):
    second = changed(SECOND, {"backbone": backbone})
    assert told in error({"pretrain": {"mlm": PRETRAIN}, "models": {"second": second}})


def test_a_backbone_made_from_itself_is_told():
    second = {"mlm": changed(PRETRAIN, {"base": "second"})}
    told = error({"pretrain": second, "models": {"second": SECOND}})
    assert "models.second.backbone.source: data/pretrained/mlm: is made from this model's" in told


STUDENT = changed(DEFAULT["models"]["tiny"], {"train": {"soft_labels": "both"}})


def test_a_round_is_a_further_model():
    tree = {
        "models": {"second": STUDENT, "third": STUDENT},
        "pseudo": {"second": {"teacher": "tiny"}, "third": {"teacher": "second"}},
    }
    assert check(changed(DEFAULT, tree), Path("params.yaml")).pseudo["third"].teacher == "second"


@pytest.mark.parametrize(
    ("pseudo", "told"),
    [
        (
            {},
            "models.second.train.soft_labels: both, but no pseudo.second or unlabelled.second that "
            "names a teacher",
        ),
        ({"second": {"teacher": "tinny"}}, "pseudo.second.teacher: no model 'tinny'"),
        (
            {"second": {"teacher": "second"}},
            "pseudo.second.teacher: second learns from second; expected another teacher",
        ),
        (
            {"tiny": {"teacher": "second"}, "second": {"teacher": "tiny"}},
            "pseudo.tiny: models.tiny.train.soft_labels: found none; expected alone or both",
        ),
        ({"second": {"teacher": "tiny"}, "x": {"teacher": "tiny"}}, "pseudo.x: no 'x' in models"),
    ],
)
def test_a_round_that_cannot_be_is_told(pseudo: dict[str, Any], told: str):
    assert told in error({"models": {"second": STUDENT}, "pseudo": pseudo})


def test_a_teacher_chosen_by_held_out_labels_is_told():
    models = {"tiny": {"train": {"select": "best"}}, "second": STUDENT}
    told = error({"models": models, "pseudo": {"second": {"teacher": "tiny"}}})
    assert "pseudo.second.teacher: tiny has train.select: best, so held-out labels chose" in told


def test_a_circle_of_teachers_is_told():
    circle = {"second": {"teacher": "third"}, "third": {"teacher": "second"}}
    told = error({"models": {"second": STUDENT, "third": STUDENT}, "pseudo": circle})
    assert "pseudo.second.teacher: second learns from third learns from second" in told


def test_a_folder_s_essays_are_taught_by_the_same_rules():
    folder = {"teacher": "tiny", "essays": "more"}
    models = {"models": {"second": STUDENT, "third": STUDENT}}
    third = {"third": {"teacher": "second"}}
    made = check(
        changed(DEFAULT, models | {"unlabelled": {"second": folder}, "pseudo": third}),
        Path("params.yaml"),
    )
    assert (made.unlabelled["second"].teacher, made.unlabelled["second"].essays) == ("tiny", "more")
    circle = {"second": folder | {"teacher": "third"}}
    told = error(models | {"unlabelled": circle, "pseudo": third})
    assert "pseudo.third.teacher: third learns from second learns from third" in told
    told = error(models | {"unlabelled": {"second": folder}, "pseudo": {"second": folder}})
    assert "unknown key 'pseudo.second.essays'" in told
    both = {name: {"teacher": "tiny"} for name in ("second", "third")}
    told = error(models | {"unlabelled": {"second": folder}, "pseudo": both})
    assert "unlabelled.second: pseudo.second is there too; expected one of them" in told
    told = error(models | {"unlabelled": {"second": {"teacher": "tiny"}}, "pseudo": third})
    assert "unlabelled.second.essays" in told


def test_a_teacher_of_the_test_essays_predicts_them_by_fold():
    """Of a folder's essays it does in any case."""
    alone = nested("models.tiny.predict.full_alone", True) | {"full": ["tiny"]}
    alone["models"]["second"] = STUDENT
    told = error(alone | {"pseudo": {"second": {"teacher": "tiny"}}})
    assert told == (
        "params.yaml: pseudo.second.teacher: models.tiny.predict.full_alone leaves no fold's own "
        "predictions of the test; expected it off"
    )
    folder = {"teacher": "tiny", "essays": "more"}
    check(changed(DEFAULT, alone | {"unlabelled": {"second": folder}}), Path("params.yaml"))


def test_pre_training_learns_from_no_soft_label():
    told = error({"pretrain": {"mlm": changed(PRETRAIN, {"train": {"soft_labels": "both"}})}})
    assert "pretrain.mlm.train.soft_labels: pre-training has no labels" in told


def test_a_full_fit_is_of_a_model_and_has_no_best_evaluation():
    assert error({"full": ["tny"]}) == (
        "params.yaml: full: no model 'tny'; the nearest valid one is 'tiny'"
    )
    assert error({"full": ["tiny", "tiny"]}) == (
        "params.yaml: full: expected different names, found ['tiny', 'tiny']"
    )
    assert error({"full": ["tiny"], **nested("models.tiny.train.select", "best")}) == (
        "params.yaml: models.tiny.train.select: best is chosen on held-out essays, and a full fit "
        "has none; expected last with tiny in full"
    )
    assert error(nested("models.tiny.predict.full_alone", True)) == (
        "params.yaml: models.tiny.predict.full_alone: expected tiny in full, found none"
    )


FROZEN = {"model": "tiny", "ridge": {"essay": 1.0, "element": 1.0, "C": 0.1}}


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("frozen", {"model": "tinny"}, "embeddings.frozen.model: no model 'tinny'; the nearest"),
        ("frozen", {"ridge": None}, "embeddings.frozen: expected ridge or boosting, found neither"),
        ("frozen", {"ridge": {"element": 0.0}}, "embeddings.frozen.ridge.element: input should be"),
        ("tiny", {}, "'tiny' names two members; rename one"),
        ("baseline", {}, "'baseline' names two members; rename one"),
    ],
)
def test_embeddings_that_cannot_be_are_told(name: str, changes: dict[str, Any], told: str):
    assert told in error({"embeddings": {name: changed(FROZEN, changes)}})
