"""A tokenizer whose tokens are single letters, and a corpus in two clean tables."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from pipeline import params
from pipeline.competition.schema import TASK
from pipeline.files import write_json
from pipeline.inputs.corpus import write_tokens
from pipeline.inputs.markers import with_paragraph
from pipeline.inputs.tokens import Tokens, Window, read_tokens
from pipeline.inputs.windowing import NO_TOPICS
from tests.configurations import section

# 0 to 3, then a = 4 to z = 29, the comma 30, the full stop 31, and the markers from 32.
ALL = with_paragraph(TASK.markers.values())
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", ",", "."]


def letters() -> Tokenizer:
    """A WordPiece tokenizer in BERT's manner: each letter that stands alone is a token."""
    vocabulary = {word: i for i, word in enumerate([*WORDS, *ALL])}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    made.enable_truncation(5)  # as some checkpoints ship it; it must have no effect
    return made


def save(made: Tokenizer, folder: Path, special: Mapping[str, str], config: Mapping) -> Path:
    """Write a backbone's folder as far as tokenizing needs it."""
    fast = PreTrainedTokenizerFast(tokenizer_object=made, **special)
    fast.add_special_tokens({"additional_special_tokens": list(ALL)})
    fast.save_pretrained(folder)
    write_json(folder / "config.json", config)
    return folder


@pytest.fixture(scope="session")
def wordpiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    special = {
        "pad_token": "[PAD]",
        "unk_token": "[UNK]",
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
    }
    config = {"model_type": "bert", "max_position_embeddings": 64, "pad_token_id": 0}
    return save(letters(), tmp_path_factory.mktemp("wordpiece"), special, config)


@pytest.fixture(scope="session")
def bytelevel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE in RoBERTa's manner, whose tokens hold the space before them."""
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("Ġ", "a"), ("Ġ", "b"), ("c", "d")]
    vocabulary = {word: i for i, word in enumerate([*special, *alphabet, "Ġa", "Ġb", "cd"])}
    made = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.post_processor = processors.RobertaProcessing(
        ("</s>", 2), ("<s>", 0), trim_offsets=False, add_prefix_space=False
    )
    names = {"bos_token": "<s>", "cls_token": "<s>", "sep_token": "</s>", "eos_token": "</s>"}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>"}
    config = {"model_type": "roberta", "max_position_embeddings": 66, "pad_token_id": 1}
    return save(made, tmp_path_factory.mktemp("bytelevel"), names, config)


Essay = tuple[str, Sequence[tuple[str, str]]]
"""Text, and (type, text) of its elements; an exclamation mark before the text: not found."""


def write_clean(folder: Path, essays: Mapping[str, Essay], label: int | None = None) -> Path:
    """Write clean tables; element i has the label i modulo 3, or `label`, and the id e<i>."""
    rows = []
    for essay_id, (text, elements) in essays.items():
        cursor = 0
        for kind, own in elements:
            start = -1 if own.startswith("!") else text.find(own, cursor)
            if start < 0:  # an overlapping element, or one that isn't there
                start = -1 if own.startswith("!") else text.index(own)
            own = own.removeprefix("!")
            end = start + len(own) if start >= 0 else -1
            cursor = max(cursor, end)
            given = len(rows) % 3 if label is None else label
            rows.append((f"e{len(rows)}", essay_id, kind, own, start, end, given))
    names = ["discourse_id", "essay_id", "discourse_type", "discourse_text", "start", "end"]
    kinds = [pa.string()] * 4 + [pa.int32()] * 2 + [pa.int8()]
    table = pa.table(
        {
            name: pa.array([row[i] for row in rows], kind)
            for i, (name, kind) in enumerate(zip([*names, "label"], kinds, strict=True))
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / "elements.parquet")
    columns = {"essay_id": list(essays), "text": [text for text, _ in essays.values()]}
    schema = pa.schema([("essay_id", pa.string()), ("text", pa.string())])
    pq.write_table(pa.table(columns, schema), folder / "essays.parquet")
    return folder


@dataclass(frozen=True)
class Made:
    """Tokens, and how to read them as words."""

    tokens: Tokens
    counts: Mapping[str, int]
    folder: Path

    def words(self, i: int) -> str:
        every = [*WORDS, *ALL]
        return " ".join(every[id_] for id_ in self.tokens.window(i).ids)

    def windows(self) -> list[str]:
        return [self.words(i) for i in range(len(self.tokens))]

    def slots(self) -> list[list[int]]:
        return [self.tokens.window(i).slot.tolist() for i in range(len(self.tokens))]

    def window(self, i: int) -> Window:
        return self.tokens.window(i)


@pytest.fixture
def tokenized(tmp_path: Path, wordpiece: Path) -> Callable[..., Made]:
    """Tokenize essays of single letters."""

    def make(
        essays: Mapping[str, Essay] | Essay,
        *,
        window: int = 32,
        overlap: int = 0,
        context: str = "essay",
        backbone: Path = wordpiece,
        label: int | None = None,
        topics: Mapping[str, str] = NO_TOPICS,
    ) -> Made:
        if isinstance(essays, tuple):
            essays = {"E": essays}
        clean = write_clean(tmp_path / "clean/train", essays, label)
        inputs = section(params.Inputs, context=context, window=window, overlap=overlap)
        folder = tmp_path / "tokens/train"
        counts = write_tokens(clean, backbone, folder, inputs, TASK, topics)
        return Made(read_tokens(folder), counts, folder)

    return make
