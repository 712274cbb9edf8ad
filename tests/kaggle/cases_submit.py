"""What `make submit` can meet, and the one line that the user sees."""

from pathlib import Path

from pipeline import paths
from tests.kaggle.cases_runs import RUNS
from tests.kaggle.failures import (
    AGAIN,
    DATASET,
    KERNEL,
    MD5,
    REMOVE,
    SENT,
    SIGN_IN,
    TOKENS,
    Case,
    another,
    broken_journal,
    fails,
    has_dataset,
    has_kernel,
    in_the_ledger,
    linked,
    on_the_list,
    outside,
    rules,
    sets,
    tampered,
)
from tests.kaggle.project import COMPETITION, write_bundle, write_results

SUBMIT = [
    *SIGN_IN,
    Case(
        "nothing to submit",
        lambda _: paths.metrics("ensemble").unlink(),
        "metrics/ensemble.json: not found; run make submission",
    ),
    Case(
        "partial result",
        lambda p: write_results(p.folder, partial=True),
        "metrics/ensemble.json: partial, not over every fold, and so not to be submitted; put "
        "every fold of the split into folds of params.yaml and run make submission",
    ),
    Case(
        "bundle that was changed",
        tampered,
        "bundle/models/tiny/config.json: not as manifest.json has it; make the bundle again",
    ),
    Case(
        "link in a bundle",
        linked,
        "bundle/extra: a link or device, expected files and folders; nothing was sent",
    ),
    Case(
        "file that no manifest names",
        lambda _: Path("bundle/notes.txt").touch(),
        "bundle/notes.txt: no file that manifest.json names; nothing was sent; make the bundle "
        "again",
    ),
    Case(
        "name that leads out of the bundle",
        outside,
        "bundle/../kernel.py: not in its folder; nothing was sent; make the bundle again",
    ),
    Case(
        "bundle of another format",
        lambda _: write_bundle(Path("bundle"), format=1),
        "bundle/manifest.json: format: found 1, expected 2",
    ),
    Case(
        "name that Kaggle would not take",
        lambda _: None,
        "--dataset: found 'Mine', expected 6 to 50 small letters, digits and single hyphens",
        ("--dataset", "Mine"),
    ),
    Case(
        "image that is none of Kaggle's, or no digest",
        lambda _: None,
        "--docker-image: found 'python:3.12', expected an image of Kaggle's by its digest: "
        "gcr.io/kaggle-images/python@sha256: and 64 hexadecimal digits",
        ("--docker-image", "python:3.12"),
    ),
    Case(
        "another submission under way",
        another,
        "artifacts/submit: another submission is under way; wait for it",
    ),
    Case(
        "public dataset of the same name",
        lambda p: has_dataset(p, private=False),
        f"dataset {DATASET}: there is one already, and Kaggle does not call it private; nothing "
        f"was sent; make it private at https://www.kaggle.com/datasets/{DATASET}, or take another "
        "name with --dataset",
    ),
    Case(
        "public kernel of the same name",
        lambda p: has_kernel(p, isPrivate=False),
        f"kernel {KERNEL}: there is one already, and Kaggle does not call it private; nothing "
        f"was sent; make it private at https://www.kaggle.com/code/{KERNEL}, or take another "
        "name with --kernel",
    ),
    *RUNS,
    Case(
        "lost journal, and a line of the same in the ledger",
        in_the_ledger,
        "submissions.jsonl: line 1: submission 7 was of the same already (public score 0.5801); "
        "--again submits it once more",
    ),
    Case(
        "lost journal, and the same on Kaggle's list",
        on_the_list,
        f"Kaggle has submission 7 of the same already (minilm-cpu, sha256 {SENT[:16]}); --again "
        "submits it once more",
    ),
    Case(
        "journal that is empty",
        broken_journal(""),
        "artifacts/submit/journal.json: not JSON: Expecting value: line 1 column 1 (char 0); "
        f"{REMOVE}",
    ),
    Case(
        "journal of something else",
        broken_journal('{"key": 1}'),
        f"artifacts/submit/journal.json: expected the steps of each submission; {REMOVE}",
    ),
    Case(
        "token that expires on the way",
        lambda p: p.world.fail("GetKernelSessionStatus", 401, "Unauthenticated", 99),
        f"could not look at kernel {KERNEL}: Kaggle does not accept the credentials "
        f"(Unauthenticated): {TOKENS}",
    ),
    Case(
        "finished kernel that Kaggle can't submit, three versions in turn",
        sets(unsubmittable={1, 2, 3}),
        f"kernel {KERNEL} version 3 has run, but Kaggle can't submit it (Could not find provided "
        "notebook), nor 2 versions before it",
    ),
    Case(
        "no submission left today",
        sets(submissions_left=0),
        f"could not submit to {COMPETITION}: Kaggle answered 400: You have reached your submission "
        f"limit for today; tomorrow, {AGAIN}",
    ),
    Case(
        "rules not accepted",
        rules,
        f"could not submit to {COMPETITION}: the competition's rules are not accepted; accept them "
        f"at https://www.kaggle.com/competitions/{COMPETITION}/rules, then {AGAIN}",
    ),
    Case(
        "submission that fails when it is scored",
        sets(submission_error="Submission Scoring Error"),
        "submission 1000: Kaggle did not score it: Submission Scoring Error; --again makes another "
        "one",
    ),
    Case(
        "submission that is never scored",
        sets(never_done={"submission"}),
        f"submission 1000: still pending after 3e-05 h; to wait on, {AGAIN}",
        ("--hours", "3e-5"),
    ),
    Case(
        "429, each time",
        fails("SaveKernel", 429, "Too Many Requests"),
        f"could not push kernel {KERNEL}: Kaggle answered 429 (Too Many Requests) each time; "
        f"later, {AGAIN}",
    ),
    Case(
        "500, each time",
        fails("CreateCodeSubmission", 500, "Internal Server Error"),
        f"could not submit to {COMPETITION}: Kaggle answered 500 (Internal Server Error) each "
        f"time; later, {AGAIN}",
    ),
    Case(
        "silent service, each time",
        lambda p: p.world.fail("GetDatasetStatus", 0, times=99, silent=True),
        f"could not look at {DATASET}: no answer from Kaggle in time; check the network and any "
        f"proxy, then {AGAIN}",
        ("--timeout", "0.02"),
    ),
    Case(
        "silent service while a kernel runs",
        lambda p: (
            p.world.fail("GetKernelSessionStatus", 0, times=99, silent=True),
            sets(looks_until_done=0)(p),
        ),
        f"kernel {KERNEL} version 1: still could not look at kernel {KERNEL}: no answer from "
        f"Kaggle in time; check the network and any proxy, then {AGAIN} after 1e-05 h; to wait "
        f"on, {AGAIN}",
        ("--timeout", "0.1", "--hours", "1e-5"),
    ),
    Case(
        "connection that is cut, each time",
        fails("CreateDataset", 0),
        f"could not upload dataset {DATASET}: no connection to Kaggle, or it broke off; check the "
        f"network and any proxy, then {AGAIN}",
    ),
    Case(
        "--csv of a file that was edited",
        lambda _: paths.SUBMISSION.write_text("by hand\n"),
        f"submission.csv: expected md5 {MD5} as dvc.lock has it, found "
        "8a33f8f9c69a8b33b90326e7faecaa4d; run make mend, then make submission",
        ("--csv",),
    ),
    Case(
        "--csv where notebooks are asked for",
        lambda _: None,
        f"could not submit to {COMPETITION}: Kaggle answered 400: Submission not allowed: This "
        "competition only accepts Submissions from Notebooks; leave out --csv",
        ("--csv",),
    ),
    Case(
        "--csv upload that the storage refuses",
        fails("PUT", 500),
        "could not submit to takes-files: Kaggle did not take it: Could not submit to competition",
        ("--csv", "--competition", "takes-files"),
    ),
]
