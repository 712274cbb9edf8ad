"""The code of docs/learn.md, run as a reader would run it."""

import os
import re
import subprocess
import sys
from pathlib import Path

from pipeline.backbones import builtin
from tests.backbones.hub_server import Repository, serve
from tests.backbones.test_make import TEXTS
from tests.encoders.tiny import FIELDS, tensors, write

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/learn.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.S)
LIBRARY = next(block for block in BLOCKS if "Backbone(" in block)
"""The block that needs the project; the others before it need JAX and Flax alone."""
LESSONS = [block for block in BLOCKS if block != LIBRARY]
MODEL = "sentence-transformers/all-MiniLM-L6-v2"


def run(code: str, folder: Path, **environment: str) -> list[str]:
    """Run code in a folder and a process of its own; return the lines that it printed."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), **environment},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def run_library(folder: Path) -> None:
    """Run the block on a small BERT from a stand-in for the Hub; it leaves logits.npy as well."""
    source = folder / "source"
    source.mkdir()
    fields = {"vocab_size": builtin.write_tokenizer(TEXTS, source), "max_position_embeddings": 64}
    state = tensors(FIELDS | fields)
    write(source, {f"bert.{name}": array for name, array in state.items()}, **fields)
    files = {path.name: path.read_bytes() for path in source.iterdir()}
    commit = "a" * 40
    with serve({MODEL: Repository({commit: files}, {"main": commit})}) as hub:
        run(
            f"{LIBRARY}\nnp.save('logits.npy', logits)",
            folder,
            HF_ENDPOINT=hub.endpoint,
            HF_HUB_OFFLINE="0",
            HF_HOME=str(folder / "home"),
            NO_PROXY="127.0.0.1",
        )
