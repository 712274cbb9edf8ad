"""A run of Weights & Biases; it stays on this machine unless WANDB_MODE says otherwise."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb


class WeightsAndBiases:
    """Scalars of one unit, and its configuration.

    Nothing else is taken in: no code, no commit, no requirements, no output, no figures of the
    machine. A key is read from Weights & Biases' own places alone.
    """

    def __init__(self, folder: Path, name: str, settings: Mapping[str, Any]) -> None:
        """Note where the run goes, and its name; `settings` is what the unit is trained with."""
        self._folder, self._name, self._settings = folder, name, dict(settings)
        self._run: wandb.Run | None = None

    def start(self, done: int) -> None:
        """Begin a run, or go on with the one of that name: of a step its first figures count."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = wandb.init(
            project="effective-arguments",
            dir=self._folder,
            id=None if done == 0 else self._former(),
            name=self._name,
            config=self._settings,
            mode=None if os.environ.get("WANDB_MODE") else "offline",
            resume="allow" if done else None,
            settings=wandb.Settings(
                console="off",
                disable_code=True,
                disable_git=True,
                host="",
                silent=True,
                x_disable_machine_info=True,
                x_disable_meta=True,
                x_disable_stats=True,
                x_save_requirements=False,
            ),
        )
        self._noted.write_text(self._run.id, encoding="utf-8")

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Log figures of one step."""
        if self._run is not None:
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Write what is still held."""
        if self._run is not None:
            self._run.finish()
            self._run = None

    @property
    def _noted(self) -> Path:
        return self._folder / "run"

    def _former(self) -> str | None:
        """Return the id of the run that is gone on with."""
        return self._noted.read_text(encoding="utf-8") if self._noted.is_file() else None
