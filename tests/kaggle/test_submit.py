"""The whole route of a code competition, and what an interruption leaves of it."""

import hashlib
import json
import subprocess
from pathlib import Path

import pytest

from commands import submit
from pipeline import paths
from pipeline.kaggle import ledger
from tests.kaggle.conftest import Command
from tests.kaggle.failures import DATASET, KERNEL, SENT, SHA256, interrupts
from tests.kaggle.project import (
    COMPETITION,
    FILES,
    ORDER,
    OTHER,
    QUICK,
    SCRIPT,
    Project,
    write_bundle,
)
from tests.kaggle.stand_in.world import distinct, uniform, unpacked

OUTPUT = "".join(f"{one},0.25,0.5,0.25\n" for one in ORDER)
DIGEST = hashlib.sha256(
    f"discourse_id,Ineffective,Adequate,Effective\n{OUTPUT}".encode()
).hexdigest()
CREATING = ("CreateDataset", "SaveKernel", "CreateCodeSubmission")


def test_the_whole_route(project: Project, command: Command):
    done = command(submit.main, *QUICK)
    assert (done.status, done.err) == (0, "")
    world = project.world

    dataset = world.datasets[DATASET]
    assert dataset.private
    assert dataset.title == "Effective arguments bundle"
    manifest = Path("bundle/manifest.json").read_bytes()
    assert unpacked(dataset.versions[0]) == FILES | {"manifest.json": manifest}

    (run,) = world.kernels[KERNEL]
    pushed = run.request
    assert pushed["text"] == SCRIPT
    assert pushed["newTitle"] == "Effective arguments inference"
    assert (pushed["kernelType"], pushed["language"]) == ("script", "python")
    assert pushed["isPrivate"] is True
    assert pushed["enableInternet"] is False
    assert pushed["enableGpu"] is False
    assert "machineShape" not in pushed
    assert pushed["datasetDataSources"] == [DATASET]
    assert pushed["competitionDataSources"] == [COMPETITION]

    (made,) = world.submissions
    assert (made.kernel, made.file) == (f"{KERNEL}/1", "submission.csv")
    assert made.description.startswith(
        "minilm-cpu, out of fold 0.6712, commit 0123456789ab, "
        f"sha256 {SENT[:16]}, kernel version 1, output {DIGEST[:16]}, 20"
    )
    assert done.out.splitlines()[-1] == (
        f"submission {made.ref}: public score 0.5801, private score 0.5766 (out of fold 0.6712)"
    )


def test_the_ledger_has_the_submission(project: Project, command: Command):
    command(submit.main, *QUICK)
    (line,) = ledger.read(Path("submissions.jsonl"))
    assert line == ledger.Line(
        time=line.time,
        commit="0123456789abcdef0123456789abcdef01234567",
        submission=DIGEST,
        parameters="b" * 64,
        recipe="minilm-cpu",
        out_of_fold=0.6712,
        public=0.5801,
        private=0.5766,
        reference=project.world.submissions[0].ref,
        competition=COMPETITION,
        sent=SENT,
    )


def test_a_gpu_is_asked_for_by_its_shape(project: Project, command: Command):
    command(submit.main, *QUICK, "--accelerator", "NvidiaTeslaT4")
    pushed = project.world.kernels[KERNEL][0].request
    assert pushed["enableGpu"] is True
    assert pushed["machineShape"] == "NvidiaTeslaT4"


IMAGE = f"gcr.io/kaggle-images/python@sha256:{'5' * 64}"


def test_an_image_is_pinned(project: Project, command: Command):
    done = command(submit.main, *QUICK, "--docker-image", IMAGE)
    assert (done.status, done.err) == (0, "")
    assert project.world.kernels[KERNEL][0].request["dockerImage"] == IMAGE


def test_another_image_is_another_run(project: Project, command: Command):
    """On the same dataset, whose files are the same."""
    command(submit.main, *QUICK)
    project.world.run_kernel = lambda world, request: uniform(world, request, 0.125)
    done = command(submit.main, *QUICK, "--docker-image", IMAGE)
    assert (done.status, done.err) == (0, "")
    first, second = project.world.kernels[KERNEL]
    assert "dockerImage" not in first.request
    assert second.request["dockerImage"] == IMAGE
    assert len(project.world.submissions) == 2
    lines = ledger.read(Path("submissions.jsonl"))
    assert lines[0].sent == SENT != lines[1].sent


def test_what_can_not_end_in_time_is_submitted_anyway(project: Project, command: Command):
    """The run that was refused is not repeated."""
    project.world.forecast |= {"seconds": 39600.0, "done": {"large": 0, "tiny": 2}}
    assert command(submit.main, *QUICK).status == 1
    assert project.world.submissions == []
    done = command(submit.main, *QUICK, "--anyway")
    assert (done.status, done.err) == (0, "")
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/1"]


def test_one_that_is_under_way_anyway_needs_no_second_word(project: Project, command: Command):
    project.world.forecast |= {"seconds": 39600.0, "done": {"large": 0, "tiny": 2}}
    interrupts(project, "CreateCodeSubmission", True)
    assert command(submit.main, *QUICK, "--anyway").status == 75
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.submissions) == 1


def test_folds_that_would_be_left_out_are_told(project: Project, command: Command):
    project.world.forecast |= {"seconds": 39600.0, "done": {"large": 1, "tiny": 2}}
    done = command(submit.main, *QUICK)
    assert (done.status, done.err) == (0, "")
    assert (
        f"kernel {KERNEL} version 1: 3,000 essays take about 11 h 00 min of 9 h 00 min, so it "
        "would predict with 1 of 2 folds of large\n"
    ) in done.out


def test_once_more_is_told_and_not_sent(project: Project, command: Command):
    first = command(submit.main, *QUICK)
    second = command(submit.main, *QUICK)
    assert "this was submitted already; --again submits it once more" in second.out
    assert second.out.splitlines()[-1] == first.out.splitlines()[-1]
    assert len(project.world.submissions) == 1
    assert len(Path("submissions.jsonl").read_text().splitlines()) == 1


def test_again_is_another_submission_of_a_further_version(project: Project, command: Command):
    command(submit.main, *QUICK)
    command(submit.main, *QUICK, "--again")
    world = project.world
    assert [one.kernel for one in world.submissions] == [f"{KERNEL}/1", f"{KERNEL}/2"]
    assert len(world.datasets[DATASET].versions) == 2
    assert len(Path("submissions.jsonl").read_text().splitlines()) == 2


def test_another_bundle_is_the_dataset_s_next_version(project: Project, command: Command):
    project.world.run_kernel = distinct
    command(submit.main, *QUICK)
    write_bundle(project.folder / "bundle", OTHER, recipe="another")
    assert command(submit.main, *QUICK).status == 0
    versions = project.world.datasets[DATASET].versions
    recipes = [json.loads(version["manifest.json"])["recipe"] for version in versions]
    assert recipes == ["minilm-cpu", "another"]
    assert len(project.world.submissions) == 2


def test_only_its_own_submission_is_looked_at(project: Project, command: Command):
    """Others of the same account come and go while it waits."""
    project.world.run_kernel = distinct
    command(submit.main, *QUICK)
    write_bundle(project.folder / "bundle", OTHER, recipe="another")
    project.world.public = "0.6"
    command(submit.main, *QUICK)
    lines = ledger.read(Path("submissions.jsonl"))
    assert [line.public for line in lines] == [0.5801, 0.6]
    assert [one.looks for one in project.world.submissions] == [2, 2]


def test_scores_that_are_not_shown(project: Project, command: Command):
    project.world.private = ""
    done = command(submit.main, *QUICK)
    assert "public score 0.5801, private score not shown" in done.out
    assert ledger.read(Path("submissions.jsonl"))[0].private is None


@pytest.mark.parametrize(
    "method",
    [
        "StartBlobUpload",
        "CreateDataset",
        "GetDatasetStatus",
        "SaveKernel",
        "GetKernelSessionStatus",
        "ListKernelSessionOutput",
        "CreateCodeSubmission",
        "GetSubmission",
    ],
)
@pytest.mark.parametrize("answered", [False, True], ids=["before", "after"])
def test_an_interrupted_run_goes_on_where_it_stopped(
    method: str, answered: bool, project: Project, command: Command
):
    """Control-C just before or after Kaggle has done what it was asked for."""
    interrupts(project, method, answered)
    stopped = command(submit.main, *QUICK)
    assert stopped.status == 75
    assert stopped.error == "stopped: run the same command again: it goes on from here"
    assert command(submit.main, *QUICK).status == 0
    world = project.world
    assert len(world.submissions) == 1
    lost = answered and method == "CreateDataset"  # its next version replaces it, to no harm
    assert len(world.datasets[DATASET].versions) == (2 if lost else 1)
    lost = answered and method == "SaveKernel"
    assert len(world.kernels[KERNEL]) == (2 if lost else 1)
    assert len(Path("submissions.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("status", [0, 429, 500, 503])
@pytest.mark.parametrize("method", [*CREATING, "GetDataset", "GetKernelSessionStatus"])
def test_what_passes_is_waited_out(status: int, method: str, project: Project, command: Command):
    headers = {"Retry-After": "0"} if status == 429 else {}
    project.world.fail(method, status, times=2, headers=headers)
    done = command(submit.main, *QUICK)
    assert (done.status, done.error) == (0, "")
    assert len(project.world.submissions) == 1


@pytest.mark.parametrize("status", [0, 500])
def test_an_answer_that_gets_lost_is_not_submitted_twice(
    status: int, project: Project, command: Command
):
    project.world.fail("CreateCodeSubmission", status, times=1, done=True)
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.submissions) == 1
    assert project.world.calls("CreateCodeSubmission") == 1


@pytest.mark.parametrize("method", ["CreateDataset", "CreateDatasetVersion", "SaveKernel"])
def test_other_answers_that_get_lost_cost_a_version(
    method: str, project: Project, command: Command
):
    if method == "CreateDatasetVersion":
        command(submit.main, *QUICK)
    before = len(project.world.submissions)
    project.world.fail(method, 0, times=1, done=True)
    assert command(submit.main, *QUICK, "--again").status == 0
    assert len(project.world.submissions) == before + 1
    assert len(project.world.datasets[DATASET].versions) == 1 + (method != "SaveKernel") + before


def test_an_upload_that_is_cut_goes_on(project: Project, command: Command):
    project.world.fail("PUT", 0, times=1)
    assert command(submit.main, *QUICK).status == 0
    manifest = Path("bundle/manifest.json").read_bytes()
    sent = unpacked(project.world.datasets[DATASET].versions[0])
    assert sent == FILES | {"manifest.json": manifest}


def test_a_half_uploaded_file_goes_on_from_its_half(project: Project, command: Command):
    """503 is what the storage answers where it kept a part."""
    project.world.fail("PUT", 503, times=1)
    assert command(submit.main, *QUICK).status == 0
    assert unpacked(project.world.datasets[DATASET].versions[0])["params.yaml"]
    assert project.world.calls("StartBlobUpload") == 4  # one for each file, none begun anew


def test_an_upload_that_the_storage_has_dropped_is_begun_anew(project: Project, command: Command):
    project.world.fail("PUT manifest.json", 500, times=1)
    assert command(submit.main, *QUICK).status == 1
    for blob in project.world.blobs.values():
        blob.dropped = True
    names = {blob.name for blob in project.world.blobs.values()} - {"manifest.json"}
    for _ in names:  # one of them a run
        assert "the storage did not take" in command(submit.main, *QUICK).error
    assert command(submit.main, *QUICK).status == 0


def test_a_version_that_kaggle_does_not_find_is_pushed_again(project: Project, command: Command):
    project.world.unsubmittable = {1}
    done = command(submit.main, *QUICK)
    assert done.status == 0
    assert (
        f"kernel {KERNEL} version 1 has run, but Kaggle can't submit it "
        "(Could not find provided notebook): pushing it again"
    ) in done.out
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/2"]
    assert len(project.world.datasets[DATASET].versions) == 1


def test_after_a_failed_kernel_only_the_kernel_is_pushed_again(project: Project, command: Command):
    project.world.kernel_status = "ERROR"
    assert command(submit.main, *QUICK).status == 1
    project.world.kernel_status = "COMPLETE"
    assert command(submit.main, *QUICK).status == 0
    assert len(project.world.datasets[DATASET].versions) == 1
    assert [one.kernel for one in project.world.submissions] == [f"{KERNEL}/2"]


def test_a_new_dataset_that_is_not_found_yet_is_waited_for(project: Project, command: Command):
    project.world.fail("GetDatasetStatus", 403, "Permission 'datasets.get' was denied", times=3)
    assert command(submit.main, *QUICK).status == 0


def test_the_journal_holds_names_numbers_and_hashes(project: Project, command: Command):
    command(submit.main, *QUICK)
    (entry,) = json.loads(Path("artifacts/submit/journal.json").read_text()).values()
    assert entry["what"] == {
        "sent": SENT,
        "competition": COMPETITION,
        "owner": "alice",
        "dataset": "effective-arguments-bundle",
        "kernel": "effective-arguments-inference",
        "accelerator": "none",
    }
    steps = ["packed", "source", "dataset", "ready", "pushed", "output", "submitting", "submitted"]
    assert sorted(entry) == sorted(["what", *steps, "scored", "concluded"])
    assert entry["packed"] == {"manifest": SHA256}


def test_the_kernel_s_log_and_output_are_kept(project: Project, command: Command):
    command(submit.main, *QUICK)
    output = Path("artifacts/submit/output")
    assert (output / "kernel.log").read_text().endswith("\nwrote submission.csv\n")
    assert (output / "submission.csv").exists()


def test_what_killed_runs_left_does_not_outlive_a_good_one(project: Project, command: Command):
    """Not even where no step writes those folders again."""
    assert command(submit.main, *QUICK).status == 0
    with subprocess.Popen(["true"]) as dead:
        pass
    for name in ("upload.former", "upload.new", "output.new", "kernel.new", "journal.json.new"):
        left = paths.SUBMIT / f".{name}.{dead.pid}.abc.unfinished"
        left.mkdir()
        (left / "part").write_text("half")
    assert command(submit.main, *QUICK).status == 0
    found = sorted(path.name for path in paths.SUBMIT.iterdir())
    assert found == ["journal.json", "kernel", "lock", "output", "upload"]
