"""What can happen to the dataset and to the kernel's run, and the one line that the user sees."""

from tests.kaggle.failures import (
    AGAIN,
    DATASET,
    KERNEL,
    SHA256,
    Case,
    dataset_vanishes,
    fails,
    forecasts,
    forgets,
    has_dataset,
    logs,
    replaced,
    sets,
    writes,
)

LINE = "manifest sha256"
HEAD = "discourse_id,Ineffective,Adequate,Effective\n"
RUNS = [
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
        sets(sessions_taken=9_999, looks_until_done=0),
        f"kernel {KERNEL}: still waiting for a session (Maximum batch GPU session count of 2 "
        f"reached) after 1e-05 h; to wait on, {AGAIN}",
        ("--hours", "1e-5"),
    ),
    Case(
        "invalid dataset source (a warning of Kaggle's own command)",
        dataset_vanishes,
        f"kernel {KERNEL} version 1: Kaggle did not accept the dataset {DATASET} and runs the "
        "kernel without it",
    ),
    Case(
        "invalid competition source",
        lambda _: None,
        f"kernel {KERNEL} version 1: Kaggle did not accept the competition feedback-price and runs "
        "the kernel without it",
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
        "expected sample_submission.csv's ids in its order; not submitted",
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
        "kernel that has no time on the hidden test for a single fold of a model",
        forecasts(seconds=72000.0, done={"large": 0, "tiny": 2}),
        f"kernel {KERNEL} version 1: 3,000 essays take about 20 h 00 min of 9 h 00 min, which "
        "leaves no fold of large; not submitted: take fewer folds or models, larger rows or an "
        "accelerator, or submit it with --anyway",
    ),
    Case(
        "kernel whose time on the hidden test is over before any model",
        forecasts(before=36000.0, seconds=36000.0, done={}),
        f"kernel {KERNEL} version 1: 3,000 essays take about 10 h 00 min of 9 h 00 min, 10 h 00 "
        "min of it before any model: it would not end; not submitted: take fewer folds, or submit "
        "it with --anyway",
    ),
    Case(
        "kernel of a bundle that forecasts nothing",
        forgets("inference.json"),
        f"kernel {KERNEL} version 1: artifacts/submit/output/inference.json: not found; make the "
        "bundle again, or submit it with --anyway",
    ),
]
