"""The data of one pre-training: windows to train on, masked anew in every epoch, and held out."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline import paths
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs.packing import Batch, batches, plan
from pipeline.inputs.tokenizer import Tokenizer, check_window, open_tokenizer
from pipeline.pretraining.job import PretrainJob
from pipeline.pretraining.masking import Masker, Vocabulary
from pipeline.pretraining.text_windows import read_windows
from pipeline.pretraining.texts import held_out, read_texts
from pipeline.task import Task
from pipeline.training.schedule import Schedule

_HELD = "held out"  # in place of an epoch: the same masks at every evaluation


@dataclass(frozen=True)
class MaskedSchedule(Schedule):
    """A schedule whose batches are masked.

    Attributes:
      masker: of this run.
    """

    masker: Masker

    def batches(self, start: int) -> Iterator[Batch]:
        """Yield every masked batch from global step `start` to the last."""
        for step, batch in enumerate(super().batches(start), start):
            yield self.masker(batch, int(np.searchsorted(self.ends, step, side="right")))


class PretrainData:
    """One pre-training's masked batches.

    Attributes:
      schedule: the batches to train on.
      texts: the number of all texts.
      tokens: the number of all tokens of the windows that are trained on.
    """

    def __init__(self, job: PretrainJob, task: Task, pad_id: int) -> None:
        """Read the texts and plan every epoch.

        Raises:
          UserError: an input is missing or odd, the tokenizer has no mask token, or a window is too
            large for a row.
        """
        backbone, train = paths.backbone(job.model), job.train
        check_window(backbone, job.options.window, f"params.yaml: pretrain.{job.key}.window")
        tokenizer = open_tokenizer(backbone, task)
        vocabulary = read_vocabulary(job, tokenizer)
        texts = read_texts(job.files, job.clean)
        held = held_out(len(texts), job.options.held_out, train.seed)
        store = read_windows(texts, tokenizer, job.options.window, task, job.name)
        is_held = held[np.array(store.essay_ids, np.int64)]
        windows, self._held = np.flatnonzero(~is_held), np.flatnonzero(is_held)
        lengths, n_words = store.lengths[windows], store.n_slots[windows]
        seed = job.seed("packing")
        plans = [plan(lengths, n_words, train.rows, seed, epoch) for epoch in range(train.epochs)]
        masker = Masker(job.options.spans, vocabulary, train.rows.length, job.seed("masks"))
        self.schedule = MaskedSchedule(store, None, windows, plans, train, pad_id, masker)
        self.texts, self.tokens = len(texts), int(lengths.sum())

    def held_batches(self) -> Iterator[Batch]:
        """Yield the masked batches that are held out, the same each time."""
        schedule = self.schedule
        store, rows = schedule.tokens, schedule.options.rows
        packed = plan(store.lengths[self._held], store.n_slots[self._held], rows, None)
        for batch in batches(store, self._held, packed, rows, schedule.pad_id):
            yield schedule.masker(batch, _HELD)


def read_vocabulary(job: PretrainJob, tokenizer: Tokenizer) -> Vocabulary:
    """Read what masked tokens become off a backbone's tokenizer.

    Raises:
      UserError: it has no mask token.
    """
    path = paths.backbone(job.model) / "tokenizer_config.json"
    words = tokenizer.backend.get_vocab()
    mask = read_json(path).get("mask_token")
    if mask not in words:
        raise UserError(f"{path}: mask_token: expected a token of the vocabulary, found {mask!r}")
    ordinary = np.array(sorted(set(words.values()) - tokenizer.special_ids), np.int32)
    return Vocabulary(words[mask], ordinary)
