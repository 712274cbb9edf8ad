"""A stage ends with the process that started it, from its first moment on."""

import subprocess
import sys

import pytest

LONG = ("stages.train", "stages.predict", "stages.tokenize", "commands.smoke")

# Starts a stage-like child, which says what it is up to, and dies the hard way.
PARENT = """
import os, signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
os.close(1)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""
ASKS_FIRST = """
import sys, time
from pipeline import orphans
{elsewhere}
orphans.end_with_parent()
print("imports", flush=True)
time.sleep(60)
"""
SAVES = """
import os, signal, sys, time
from pipeline import orphans
{elsewhere}
orphans.end_with_parent()
def save(*_):
    os.write(1, b"saves\\n")  # print may just be at work
    sys.exit()
signal.signal(signal.SIGTERM, save)
print("trains", flush=True)
time.sleep(60)
"""
ASKS_LATE = """
import os, sys
parent = os.getppid()
print("starts", flush=True)
sys.stdin.read()
while os.getppid() == parent:
    pass
from pipeline import orphans
{elsewhere}
orphans.end_with_parent()
print("lives on", flush=True)
"""


KERNELS = pytest.mark.parametrize(
    "elsewhere",
    [
        pytest.param("", marks=pytest.mark.skipif(sys.platform != "linux", reason="asks Linux")),
        "sys.platform = 'darwin'",  # whose kernel can't be asked
    ],
    ids=["linux", "elsewhere"],
)


def said(child: str, elsewhere: str, **environment: str) -> str:
    """What the child says until it ends; the parent is killed once it has said a line."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, child.format(elsewhere=elsewhere)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        first = parent.stdout.readline()
        # The pipe ends when the child does.
        return first + parent.communicate("die\n", timeout=20)[0]


@KERNELS
def test_the_parent_dies_while_the_stage_imports(elsewhere: str) -> None:
    assert said(ASKS_FIRST, elsewhere) == "imports\n"


@KERNELS
def test_the_parent_dies_while_the_stage_can_still_save(elsewhere: str) -> None:
    assert said(SAVES, elsewhere) == "trains\nsaves\n"


@KERNELS
def test_the_parent_dies_before_the_stage_can_ask(elsewhere: str) -> None:
    assert said(ASKS_LATE, elsewhere, DVC_STAGE="train@tiny-0") == "starts\n"


@KERNELS
def test_a_command_that_was_sent_to_the_background_lives_on(elsewhere: str) -> None:
    """Whoever starts it by hand and leaves is no DVC that was killed."""
    assert said(ASKS_LATE, elsewhere) == "starts\nlives on\n"


REPORT = """
import runpy, sys
from pipeline import orphans
def report():
    print(sorted({"jax", "numpy", "pyarrow", "ruamel", "transformers"} & set(sys.modules)))
    raise SystemExit
orphans.end_with_parent = report
runpy.run_module(sys.argv[1], run_name="__main__")
"""


@pytest.mark.parametrize("stage", LONG)
def test_a_long_stage_asks_before_it_imports(stage: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT, stage],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
