"""A kill between two files of evaluation or ensemble: what is there is whole, a rerun mends."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.contract.project import ROOT

# Children, forked before any thread starts, die before the n-th file gets its name.
DRIVER = """
import itertools, os, signal
from pathlib import Path
from pipeline.files import sha256
from stages import ensemble, evaluate
from tests.evaluation.project import predict, write_folds, write_member, write_project
from tests.configurations import write_members

TERRITORY = ("artifacts/oof", "artifacts/evaluation", "artifacts/ensemble", "metrics", "plots")

def killed_at(count, stage):
    child = os.fork()
    if child == 0:
        left, replace = iter(range(count)), os.replace
        def counted(*names):
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(*names)
        os.replace = counted
        stage()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def outputs():
    files = [p for folder in TERRITORY for p in Path(folder).rglob("*") if p.is_file()]
    return {p: sha256(p) for p in [*files, *Path().glob("submission.csv")]
            if not p.name.endswith(".unfinished")}

def both():
    evaluate.main(["--model", "m"])
    ensemble.main([])

def inputs():
    write_members(models=["m"])
    elements = write_project()
    write_folds("m", elements, predict(elements, 0), [0, 1, 2])
    for seed, name in enumerate(("baseline", "m")):
        write_member(name, elements, predict(elements, seed), [0, 1, 2])

def fork(stage):
    assert killed_at(10**6, stage) == 0

fork(inputs)
before = outputs()
fork(both)
whole = outputs()
fork(inputs)
for name in set(whole) - set(before):
    name.unlink()
for count in itertools.count():
    status = killed_at(count, both)
    for name, digest in outputs().items():
        assert digest in (before.get(name), whole[name]), name
    if status == 0:
        break
    assert status == -signal.SIGKILL
assert outputs() == whole
assert not list(Path().rglob("*.unfinished"))
print("killed", count)
"""


@pytest.mark.slow
def test_every_file_is_whole_at_any_time(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # The model's table, two files of figures, three of plots; the blend's weights, table,
    # figures, two files of plots; the submission.
    assert done.stdout.splitlines()[-1] == "killed 12"
