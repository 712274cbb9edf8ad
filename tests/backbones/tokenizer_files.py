"""Tokenizers in the files and the shapes in which published checkpoints have them."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

CORPUS = (
    "Schools should start later, because students who sleep well learn well. The Bell rings at 8.",
    "Some say that it's too dear; others that Buses can't wait. They're wrong! Café, naïve, Zoë.",
    "In conclusion: sleep matters more than buses, cafés and clocks do, at 8 o'clock in Paris.",
    'one two three four five six seven eight nine ten 1234567890 fi 1/2 ... "quoted" (so)',
) * 3
BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
PIECES = 100


def word_pieces(lowercase: bool) -> Tokenizer:
    """BERT's, cased or uncased."""
    made = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=300, special_tokens=list(BERT), show_progress=False
    )
    made.train_from_iterator(CORPUS, trainer)
    made.decoder = decoders.WordPiece()
    made.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return made


def byte_pairs(special: Sequence[str], dropout: float | None = None) -> Tokenizer:
    """A byte-level BPE as RoBERTa, the first DeBERTa and ModernBERT have one."""
    made = Tokenizer(models.BPE(dropout=dropout, unk_token=None))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(CORPUS, trainer)
    made.post_processor = (
        processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
        if "<s>" in special
        else processors.TemplateProcessing(
            single="[CLS]:0 $A:0 [SEP]:0", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    )
    return made


def save(made: Tokenizer, folder: Path, config: Mapping[str, Any]) -> Tokenizer:
    """Write tokenizer.json as published files have it, with truncation, and its config."""
    folder.mkdir(parents=True, exist_ok=True)
    made.enable_truncation(128)
    made.enable_padding()
    made.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    made.no_truncation()
    made.no_padding()
    return made


def sentencepiece(folder: Path, name: str, rule: str = "nmt_nfkc") -> Path:
    """A unigram model by sentencepiece itself, in DeBERTa-v3's numbering; its path."""
    # Not installed wherever these tests run.
    import sentencepiece as spm

    folder.mkdir(parents=True, exist_ok=True)
    written = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS),
        model_writer=written,
        vocab_size=PIECES,
        model_type="unigram",
        normalization_rule_name=rule,
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
        num_threads=1,
        minloglevel=2,
    )
    path = folder / name
    path.write_bytes(written.getvalue())
    return path
