"""What `make submit` can meet, and the one line that the user sees."""

from pathlib import Path

from pipeline import paths
from tests.delivery.kaggle.failures import (
    AGAIN,
    DATASET,
    KERNEL,
    REMOVE,
    SENT,
    SHA256,
    SIGN_IN,
    TOKENS,
    Case,
    another,
    broken_journal,
    dataset_vanishes,
    fails,
    has_dataset,
    in_the_ledger,
    logs,
    on_the_list,
    replaced,
    rules,
    sets,
    tampered,
    writes,
)
from tests.delivery.kaggle.project import COMPETITION, write_bundle, write_results

LINE = "manifest sha256"
HEAD = "discourse_id,Ineffective,Adequate,Effective\n"
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
        "bundle of another format",
        lambda _: write_bundle(Path("bundle"), format=2),
        "bundle/manifest.json: format: found 2, expected 1",
    ),
    Case(
        "name that Kaggle would not take",
        lambda _: None,
        "--dataset: found 'Mine', expected 6 to 50 small letters, digits and single hyphens",
        ("--dataset", "Mine"),
    ),
    Case(
        "another submission under way",
        another,
        "artifacts/submit: another submission is under way; wait for it",
    ),
    Case(
        "upload that the storage refuses",
        fails("PUT manifest.json", 500),
        f"could not upload dataset {DATASET}: the storage did not take manifest.json; later, "
        f"{AGAIN}",
    ),
    Case(
        "error field of a dataset (exit status 0 of Kaggle's own command)",
        sets(dataset_error="The requested title is already in use by a dataset."),
        f"dataset {DATASET}: Kaggle did not take it: The requested title is already in use by a "
        "dataset.",
    ),
    Case(
        "dataset that fails to process",
        sets(dataset_status="FAILED"),
        f"dataset {DATASET}: processing ended with 'failed'; its page says why: "
        f"https://www.kaggle.com/datasets/{DATASET}",
    ),
    Case(
        "dataset whose processing never ends",
        sets(never_done={"dataset"}),
        f"dataset {DATASET}: still blobs received after 1e-05 h; to wait on, {AGAIN}",
        ("--hours", "1e-5"),
    ),
    Case(
        "dataset with an earlier version whose processing never ends",
        lambda p: (has_dataset(p), sets(never_done={"dataset"})(p)),
        f"dataset {DATASET}: still waiting for an earlier version (blobs received) after 1e-05 h; "
        f"to wait on, {AGAIN}",
        ("--hours", "1e-5"),
    ),
    Case(
        "dataset of which Kaggle takes no version",
        lambda p: (
            has_dataset(p),
            fails("CreateDatasetVersion", 403, "Permission 'datasets.update' was denied")(p),
        ),
        f"could not upload dataset {DATASET}: Kaggle answered 403: Permission 'datasets.update' "
        "was denied",
    ),
    Case(
        "dataset that another version has replaced meanwhile",
        replaced,
        f"dataset {DATASET}: version 3 has replaced version 2, which is this bundle's; {AGAIN}",
    ),
    Case(
        "error field of a kernel (exit status 0 of Kaggle's own command)",
        sets(kernel_error="Maximum weekly GPU quota of 30.00 hours reached."),
        f"kernel {KERNEL}: Kaggle did not take it: Maximum weekly GPU quota of 30.00 hours "
        "reached.",
    ),
    Case(
        "sessions that stay taken",
        sets(sessions_taken=9_999),
        f"kernel {KERNEL}: still waiting for a session (Maximum batch GPU session count of 2 "
        f"reached) after 1e-05 h; to wait on, {AGAIN}",
        ("--hours", "1e-5"),
    ),
    Case(
        "invalid dataset source (a warning of Kaggle's own command)",
        dataset_vanishes,
        f"kernel {KERNEL} version 1: Kaggle did not accept the dataset {DATASET} and runs the "
        "kernel without it; not submitted",
    ),
    Case(
        "invalid competition source",
        lambda _: None,
        f"kernel {KERNEL} version 1: Kaggle did not accept the competition feedback-price and runs "
        "the kernel without it; not submitted",
        ("--competition", "feedback-price"),
    ),
    Case(
        "kernel that fails",
        lambda p: (
            writes(None)(p),
            sets(kernel_status="ERROR", kernel_failure="Your notebook exceeded the time limit")(p),
        ),
        f"kernel {KERNEL} version 1: ended with 'error': Your notebook exceeded the time limit; "
        "log in artifacts/submit/output, its end: two / three / error: no essays",
    ),
    Case(
        "kernel that is cancelled",
        lambda p: (logs("predicting\n")(p), sets(kernel_status="CANCEL_ACKNOWLEDGED")(p)),
        f"kernel {KERNEL} version 1: ended with 'cancel acknowledged': no reason given; log in "
        "artifacts/submit/output, its end: predicting",
    ),
    Case(
        "kernel that never ends",
        sets(never_done={"kernel"}),
        f"kernel {KERNEL} version 1: still running after 3e-05 h; to wait on, {AGAIN}",
        ("--hours", "3e-5"),
    ),
    Case(
        "kernel that writes no submission",
        writes(None),
        f"kernel {KERNEL} version 1: wrote no submission.csv; log in artifacts/submit/output, its "
        "end: two / three / error: no essays",
    ),
    Case(
        "output without an id of the visible sample",
        writes(f"{HEAD}u2,0.2,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id: "
        "expected sample_submission's ids in its order; not submitted",
    ),
    Case(
        "output that is not finite",
        writes(f"{HEAD}u2,0.2,0.5,0.3\nu1,nan,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id 'u1': "
        "expected finite probabilities, found nan, 0.5, 0.3 (1 such rows); not submitted",
    ),
    Case(
        "output whose rows do not sum to one",
        writes(f"{HEAD}u2,0.2,0.5,0.3\nu1,0.5,0.5,0.3\n"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/submission.csv: discourse_id 'u1': "
        "expected a row that sums to 1, found 0.5, 0.5, 0.3 (1 such rows); not submitted",
    ),
    Case(
        "kernel that ran on another bundle",
        logs(f"{LINE} {'9' * 64}\n"),
        f"kernel {KERNEL} version 1: expected the line '{LINE} {SHA256}' in its log "
        f"(artifacts/submit/output/kernel.log), found '{LINE} {'9' * 64}'; not submitted",
    ),
    Case(
        "kernel whose log names no bundle",
        logs("wrote submission.csv\n"),
        f"kernel {KERNEL} version 1: expected the line '{LINE} {SHA256}' in its log "
        "(artifacts/submit/output/kernel.log), found no such line; not submitted",
    ),
    Case(
        "kernel whose log names two bundles",
        logs(f"{LINE} {SHA256}\n{LINE} {'9' * 64}\n"),
        f"kernel {KERNEL} version 1: expected the line '{LINE} {SHA256}' in its log "
        "(artifacts/submit/output/kernel.log), found 2 different lines; not submitted",
    ),
    Case(
        "kernel on a CPU where GPUs were asked for",
        logs(f"{LINE} {SHA256}\non 1 cpu device(s), float32\n"),
        f"kernel {KERNEL} version 1: expected 2 GPUs, as NvidiaTeslaT4 has, found 1 cpu device(s) "
        "in its log (artifacts/submit/output/kernel.log); not submitted",
        ("--accelerator", "NvidiaTeslaT4"),
    ),
    Case(
        "kernel on fewer GPUs than asked for",
        logs(f"{LINE} {SHA256}\non 1 gpu device(s), float32\n"),
        f"kernel {KERNEL} version 1: expected 2 GPUs, as NvidiaTeslaT4 has, found 1 gpu device(s) "
        "in its log (artifacts/submit/output/kernel.log); not submitted",
        ("--accelerator", "NvidiaTeslaT4"),
    ),
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
        lambda p: p.world.fail("GetKernelSessionStatus", 0, times=99, silent=True),
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
