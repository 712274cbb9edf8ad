"""What a cluster runs, from a graph written by hand: a teacher, its student, and a pre-training."""

import pytest

from pipeline.cluster.plan import Task, before_training, only_to_fetch, tasks, to_push
from pipeline.errors import UserError
from pipeline.graph.standing import Standing, State

NEEDS = {
    "code": (),
    "validate": ("code",),
    "baseline": ("validate",),
    "backbone@t": ("code",),
    "pretrain@p": ("backbone@t", "validate"),
    "backbone@s": ("pretrain@p",),
    "tokenize@t": ("backbone@t", "validate"),
    "tokenize@s": ("backbone@s", "validate"),
    # As dvc.yaml has them, a student's folds stand before what they learn from.
    "train@t-0": ("tokenize@t",),
    "train@s-0": ("tokenize@s", "pseudo@s"),
    "predict@t": ("train@t-0", "tokenize@t"),
    "pseudo@s": ("predict@t", "tokenize@s"),
    "ensemble": ("predict@t", "train@s-0", "baseline"),
}


def graph(*waiting: str, running: str = "", locked: str = "") -> dict[str, Standing]:
    """The graph in which these stages wait."""

    def state(name: str) -> State:
        if name == running:
            return State.RUNNING
        return State.WAITING if name in waiting else State.DONE

    return {
        name: Standing(state(name), needs, ("data/raw",) * (name == "pretrain@p"), name == locked)
        for name, needs in NEEDS.items()
    }


def test_with_every_training_done_there_is_nothing_to_do() -> None:
    found = graph("baseline", "predict@t", "ensemble")
    assert before_training(found) == []
    assert tasks(found) == []


def test_what_stands_before_any_training_is_for_the_coordinator() -> None:
    assert before_training(graph(*NEEDS)) == [
        "code",
        "validate",
        "backbone@t",
        "tokenize@t",
    ]
    # A teacher's folds alone: nothing of the student's, and no member that no fold needs.
    assert before_training(graph("train@t-0")) == ["code", "validate", "backbone@t", "tokenize@t"]


def test_stages_between_trainings_are_tasks_behind_those_that_they_need() -> None:
    made = ("code", "validate", "backbone@t", "tokenize@t")
    found = tasks(graph(*(name for name in NEEDS if name not in made)))
    order = [task.stage for task in found]
    assert sorted(order) == [
        *("backbone@s", "predict@t", "pretrain@p", "pseudo@s"),
        *("tokenize@s", "train@s-0", "train@t-0"),
    ]
    for task in found:
        assert all(order.index(need) < order.index(task.stage) for need in task.needs)
    by_name = {task.stage: task for task in found}
    assert by_name["train@t-0"] == Task("train@t-0", (), ("tokenize@t",))
    assert by_name["pseudo@s"].needs == ("predict@t", "tokenize@s")
    # What it reads beside other stages' outputs, it has to pull as well.
    assert by_name["pretrain@p"].inputs == ("backbone@t", "validate", "data/raw")


def test_a_stale_prediction_of_a_trained_teacher_is_a_task() -> None:
    found = tasks(graph("predict@t", "pseudo@s", "train@s-0", "ensemble"))
    assert [task.stage for task in found] == ["predict@t", "pseudo@s", "train@s-0"]
    # Its folds are done, but a node has to have them.
    assert to_push(found) == ["tokenize@s", "tokenize@t", "train@t-0"]


def test_what_dvc_lock_has_may_only_have_to_be_fetched() -> None:
    found = graph("train@t-0", "predict@t", locked="train@t-0")
    assert only_to_fetch(tasks(found), found) == ["train@t-0"]


def test_a_stage_that_runs_here_is_waited_for() -> None:
    with pytest.raises(UserError, match=r"^train@t-0: another dvc runs it here; wait for it$"):
        tasks(graph("predict@t", running="train@t-0"))
