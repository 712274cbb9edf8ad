"""A prepared tokenizer gives the tokens of the checkpoint's own, for every family's files."""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

from tokenizers import AddedToken, Tokenizer
from transformers import AutoTokenizer

from pipeline import params
from pipeline.backbones.make import make
from pipeline.competition.schema import TASK
from pipeline.errors import UserError
from pipeline.inputs.markers import with_paragraph
from pipeline.inputs.tokenizer import open_tokenizer
from tests.backbones.tokenizer_files import (
    BERT,
    PIECES,
    ROBERTA,
    byte_pairs,
    save,
    sentencepiece,
    word_pieces,
)
from tests.configurations import section
from tests.encoders.tiny import CONFIGS, write_checkpoint

ALL = with_paragraph(TASK.markers.values())
TEXTS = (
    "Schools START later, because Buses can't wait.",
    "Café naïve ZOË — “Quoted” ½ ﬁne",
    "two  spaces\tand a tab, no\u00a0break and\u3000wide",
    "zero\u200bwidth, soft\u00adhyphen, e\u0301 apart, 日本 and 😀",
    "x" * 150,
    " leading and trailing ",
)


def source(folder: Path, sha256: str | None = None) -> params.Backbone:
    return section(params.Backbone, source=str(folder), sha256=sha256)


def prepare(folder: Path, encoder: str = "bert") -> Path:
    """Make the backbone of a folder beside it."""
    out = folder.parent / "out"
    with pytest.raises(UserError, match="expected null, found ") as told:
        make(source(folder), encoder, folder, TASK, out)
    sha256 = str(told.value).rsplit("found ", 1)[1][:64]
    make(source(folder, sha256), encoder, folder, TASK, out)
    return out


def holds(prepared: Path, own: Tokenizer) -> None:
    """The tokens are the source's own, for this project and for whoever opens it in torch."""
    theirs = AutoTokenizer.from_pretrained(prepared)
    for text, encoded in zip(TEXTS, open_tokenizer(prepared, TASK).encode(TEXTS), strict=True):
        expected = own.encode(text, add_special_tokens=False)
        assert encoded.ids.tolist() == expected.ids, text
        assert encoded.offsets.tolist() == [list(pair) for pair in expected.offsets], text
        assert theirs(text)["input_ids"] == own.encode(text).ids, text


def bert(folder: Path, lowercase: bool, config: Mapping[str, Any]) -> Tokenizer:
    own = save(word_pieces(lowercase), folder, config)
    write_checkpoint(folder, CONFIGS["bert"], own.get_vocab_size())
    return own


@pytest.mark.parametrize(
    ("lowercase", "config"),
    [
        pytest.param(False, {"tokenizer_class": "BertTokenizerFast"}),
        pytest.param(False, {}),
        (False, {"do_lower_case": False, "model_max_length": 512}),
        (True, {"do_lower_case": True, "model_max_length": 512}),
        (True, {"tokenizer_class": "BertTokenizer"}),
    ],
)
def test_word_pieces(tmp_path: Path, lowercase: bool, config: dict[str, Any]):
    own = bert(tmp_path / "mine", lowercase, config)
    holds(prepare(tmp_path / "mine"), own)


@pytest.mark.parametrize("token", ["normalizer", "pre_tokenizer"])
def test_what_a_tokenizer_json_says_is_kept(tmp_path: Path, token: str):
    own = word_pieces(lowercase=True)
    fields = json.loads(own.to_str())
    odd = {
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]},
        "pre_tokenizer": {"type": "Whitespace"},
    }
    own = Tokenizer.from_str(json.dumps(fields | {token: odd[token]}))
    save(own, tmp_path / "mine", {"tokenizer_class": "BertTokenizer"})
    write_checkpoint(tmp_path / "mine", CONFIGS["bert"], own.get_vocab_size())
    holds(prepare(tmp_path / "mine"), own)


@pytest.mark.parametrize(
    ("config", "line"),
    [
        ({"do_lower_case": True}, "do_lower_case: true, but tokenizer.json keeps capitals"),
        ({"strip_accents": True}, "strip_accents: true, but tokenizer.json keeps accents"),
        ({"split_special_tokens": True}, "split_special_tokens: true would split the markers"),
    ],
)
def test_a_config_that_contradicts_is_named(tmp_path: Path, config: dict[str, Any], line: str):
    bert(tmp_path / "mine", False, {"do_lower_case": False} | config)
    with pytest.raises(UserError, match=rf"mine/tokenizer_config\.json: {re.escape(line)}"):
        prepare(tmp_path / "mine")


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("roberta", {"model_max_length": 512}),
        pytest.param("roberta", {"tokenizer_class": "PreTrainedTokenizerFast"} | {
            "unk_token": "<unk>", "pad_token": "<pad>", "cls_token": "<s>", "sep_token": "</s>",
        }),
        ("deberta", {"do_lower_case": False, "vocab_type": "gpt2"}),
        ("modernbert", {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"}),
    ],
)  # fmt: skip
def test_byte_pairs(tmp_path: Path, kind: str, config: dict[str, Any]):
    folder = tmp_path / "mine"
    own = save(byte_pairs(ROBERTA if kind == "roberta" else BERT), folder, config)
    write_checkpoint(folder, CONFIGS[kind], own.get_vocab_size())
    encoder = {"roberta": "bert", "deberta": "deberta_v1", "modernbert": "modernbert"}[kind]
    holds(prepare(folder, encoder), own)


def test_byte_pairs_with_dropout_are_the_same_each_time(tmp_path: Path):
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<pad>"}
    folder = tmp_path / "mine"
    own = save(byte_pairs(ROBERTA, dropout=0.1), folder, config)
    write_checkpoint(folder, CONFIGS["roberta"], own.get_vocab_size())
    own.model.dropout = None
    holds(prepare(folder), own)
    assert json.loads((tmp_path / "out/tokenizer.json").read_text())["model"]["dropout"] is None


@pytest.mark.parametrize("lowercase", [False, True])
def test_word_pieces_from_a_vocabulary_alone(tmp_path: Path, lowercase: bool):
    folder = tmp_path / "mine"
    own = bert(folder, lowercase, {"do_lower_case": lowercase})
    (folder / "tokenizer.json").unlink()
    words = sorted(own.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in words))
    holds(prepare(folder), own)


def test_a_cased_vocabulary_that_does_not_say_so_is_refused(tmp_path: Path):
    folder = tmp_path / "mine"
    own = bert(folder, False, {})
    (folder / "tokenizer.json").unlink()
    words = sorted(own.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word, _ in words))
    with pytest.raises(UserError, match=r"tokenizer_config\.json: do_lower_case: not set, but"):
        prepare(folder)


@pytest.mark.parametrize("kind", ["roberta", "deberta"])
def test_byte_pairs_from_a_vocabulary_and_merges(tmp_path: Path, kind: str):
    folder = tmp_path / "mine"
    own = save(byte_pairs(ROBERTA if kind == "roberta" else BERT), folder, {})
    (folder / "tokenizer.json").unlink()
    fields = json.loads(own.to_str())["model"]
    (folder / "vocab.json").write_text(json.dumps(fields["vocab"]))
    merges = [" ".join(pair) for pair in fields["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges]) + "\n")
    write_checkpoint(folder, CONFIGS[kind], own.get_vocab_size())
    holds(prepare(folder, "bert" if kind == "roberta" else "deberta_v1"), own)


@pytest.mark.parametrize(
    ("rule", "config"),
    [
        pytest.param("nmt_nfkc", {"do_lower_case": False, "vocab_type": "spm"}),
        pytest.param("nmt_nfkc", {"do_lower_case": True}),
        pytest.param("nmt_nfkc_cf", {}),
        pytest.param("identity", {}),
    ],
)
def test_a_sentencepiece_model(tmp_path: Path, rule: str, config: dict[str, Any]):
    spm = pytest.importorskip("sentencepiece")
    folder = tmp_path / "mine"
    own = spm.SentencePieceProcessor(str(sentencepiece(folder, "spm.model", rule)))
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    # One id more than pieces: [MASK] stands behind them, as in microsoft/deberta-v3-*.
    write_checkpoint(folder, CONFIGS["deberta-v2"], PIECES + 1)
    prepared = prepare(folder, "deberta")
    opened = AutoTokenizer.from_pretrained(prepared)
    for text, encoded in zip(TEXTS, open_tokenizer(prepared, TASK).encode(TEXTS), strict=True):
        expected = own.encode(text.lower() if config.get("do_lower_case") else text)
        assert encoded.ids.tolist() == expected, text
        assert opened(text)["input_ids"] == [1, *expected, 2], text


def test_a_sentencepiece_model_of_another_kind_is_refused(tmp_path: Path):
    pytest.importorskip("sentencepiece")
    folder = tmp_path / "mine"
    path = sentencepiece(folder, "spm.model")
    (folder / "tokenizer_config.json").write_text("{}")
    write_checkpoint(folder, CONFIGS["deberta-v2"], PIECES + 1)
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto.FromString(path.read_bytes())
    proto.trainer_spec.treat_whitespace_as_suffix = True
    path.write_bytes(proto.SerializeToString())
    with pytest.raises(UserError, match=r"spm\.model: treat_whitespace_as_suffix"):
        prepare(folder, "deberta")


@pytest.mark.parametrize("family", ["wordpiece", "bytelevel"])
def test_markers_are_numbered_from_the_highest_id(tmp_path: Path, family: str):
    """A vocabulary with a hole: its size is the id of a word."""
    folder, kind = tmp_path / "mine", {"wordpiece": "bert", "bytelevel": "roberta"}[family]
    made = word_pieces(True) if family == "wordpiece" else byte_pairs(ROBERTA)
    fields = json.loads(made.to_str())
    vocabulary = fields["model"]["vocab"]
    last = max(vocabulary, key=vocabulary.get)
    vocabulary[last] += 3
    own = save(Tokenizer.from_str(json.dumps(fields)), folder, {})
    top = max(own.get_vocab().values())
    write_checkpoint(folder, CONFIGS[kind], top + 1)
    prepared = prepare(folder)
    tokenizer = open_tokenizer(prepared, TASK)
    assert tokenizer.marker_ids == list(range(top + 1, top + 1 + len(ALL)))
    config = json.loads((prepared / "config.json").read_text())
    assert config["vocab_size"] == top + 1 + len(ALL)
    for marker, marker_id in zip(ALL, tokenizer.marker_ids, strict=True):
        ids = tokenizer.encode([f"later{marker} Buses"])[0].ids.tolist()
        assert ids.count(marker_id) == 1
    holds(prepared, own)


def test_a_word_that_is_a_marker_is_refused(tmp_path: Path):
    fields = json.loads(word_pieces(True).to_str())
    fields["model"]["vocab"][ALL[-1]] = len(fields["model"]["vocab"])
    own = save(Tokenizer.from_str(json.dumps(fields)), tmp_path / "mine", {})
    write_checkpoint(tmp_path / "mine", CONFIGS["bert"], own.get_vocab_size())
    with pytest.raises(UserError, match=r"tokenizer\.json: \[BR\] is a word of its vocabulary"):
        prepare(tmp_path / "mine")


def test_more_words_than_rows_are_refused(tmp_path: Path):
    own = save(word_pieces(True), tmp_path / "mine", {})
    size = own.get_vocab_size()
    write_checkpoint(tmp_path / "mine", CONFIGS["bert"], size - 2)
    with pytest.raises(UserError, match=rf"id {size - 1}, .* {size - 2} rows"):
        prepare(tmp_path / "mine")


def test_special_tokens_without_a_role_are_reserved(tmp_path: Path):
    own = word_pieces(False)
    own.add_special_tokens(["<|im_end|>"])
    save(own, tmp_path / "mine", {"do_lower_case": False})
    write_checkpoint(tmp_path / "mine", CONFIGS["bert"], own.get_vocab_size())
    reserved = open_tokenizer(prepare(tmp_path / "mine"), TASK).reserved
    assert reserved.search("so <|im_end|> it ends")


def test_no_other_letters_write_a_special_token(tmp_path: Path):
    own = word_pieces(True)
    own.add_special_tokens([AddedToken("<end>", special=True, normalized=True)])
    save(own, tmp_path / "mine", {})
    write_checkpoint(tmp_path / "mine", CONFIGS["bert"], own.get_vocab_size())
    tokenizer = open_tokenizer(prepare(tmp_path / "mine"), TASK)
    number = own.token_to_id("<end>")
    assert number in own.encode("so <END> it ends").ids
    assert number not in tokenizer.encode(["so <END> it ends"])[0].ids
