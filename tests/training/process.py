"""A project in a folder whose stages and commands run as processes, to be killed and repeated."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from pipeline.files import sha256

FOLD = Path("artifacts/folds/small/fold0")
WEIGHTS = Path("artifacts/weights/small/fold0")
FIT = ("stages.train", "--model", "small")
TRAIN = (*FIT, "--fold", "0")


class Folder:
    """A project in which stages run one by one."""

    def __init__(self, path: Path, cache: Path) -> None:
        """All copies share a compile cache; checkpoints stay inside the folder."""
        self.path, self.cache = path, str(cache)

    def start(self, *command: str, **environment: str) -> subprocess.Popen[str]:
        """Start a module, or a program."""
        how = () if command[0] == "-c" else ("-m",)
        return subprocess.Popen(
            [sys.executable, *how, *command],
            cwd=self.path,
            env=os.environ
            | {"XLA_FLAGS": "", "JAX_PLATFORMS": "", "JAX_COMPILATION_CACHE_DIR": self.cache}
            | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, status: int = 0, **environment: str) -> str:
        """Run a module to its end; return what it printed."""
        process = self.start(*command, **environment)
        said = process.communicate()[0]
        assert process.returncode == status, said
        return said

    def train(self, **environment: str) -> str:
        """Train the fold to its end."""
        return self.run(*TRAIN, **environment)

    def edit(self, old: str, new: str) -> None:
        """Change the configuration."""
        configuration = self.path / "params.yaml"
        text = configuration.read_text()
        assert old in text
        configuration.write_text(text.replace(old, new))

    def copy(self, target: Path) -> "Folder":
        """The same folder elsewhere."""
        shutil.copytree(self.path, target)
        return Folder(target, Path(self.cache))

    def bits(self, unit: str = "fold0") -> list[str]:
        """Hashes of what training publishes of a fold."""
        weights = self.path / "artifacts/weights/small" / unit / "model.safetensors"
        tables = sorted((self.path / "artifacts/folds/small" / unit).iterdir())
        return [sha256(path) for path in (weights, *tables)]

    def saved(self, unit: str = "fold0") -> int:
        """The step of a fold's last whole checkpoint, 0 where there is none."""
        steps = self.path.glob(f".checkpoints/small-{unit}-{'[0-9a-f]' * 16}/state/*")
        return max((int(step.name) for step in steps if step.name.isdigit()), default=0)

    def flip_a_bit(self) -> int:
        """Damage the arrays of the last checkpoint; return its step."""
        last = self.saved()
        arrays = self.path.glob(f".checkpoints/small-fold0-*/state/{last}/arrays/**/d/*")
        largest = max(arrays, key=lambda path: path.stat().st_size)
        content = bytearray(largest.read_bytes())
        content[len(content) // 2] ^= 1
        largest.write_bytes(content)
        return last

    def train_until_saved(
        self,
        step: int,
        number: signal.Signals,
        command: tuple[str, ...] = TRAIN,
        unit: str = "fold0",
    ) -> int:
        """Start training, send a signal once a checkpoint of `step` is whole; the exit status."""
        process = self.start(*command)
        while self.saved(unit) < step and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(number)
        said = process.communicate()[0]
        assert not (self.path / FOLD.with_name(unit)).exists(), said
        return process.returncode
