import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import load_file, save_file

os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")

from transformers import AutoConfig, AutoTokenizer

from pipeline import params
from pipeline.backbones import builtin
from pipeline.backbones.make import make
from pipeline.competition.schema import TASK
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build
from pipeline.encoders.weights.folders import load_backbone
from pipeline.errors import UserError
from pipeline.graph import code_hash
from pipeline.inputs.markers import with_paragraph
from tests.configurations import section
from tests.encoders.tiny import DEBERTA, FIELDS, tensors, write

ALL = with_paragraph(TASK.markers.values())
WORDS = "embeddings.word_embeddings.weight"
TEXTS = (
    "Schools should start later, because students who sleep well learn well.",
    "Some say that it's too dear; others that buses can't wait. They're wrong!",
    "In conclusion: sleep matters… “more” than buses, cafés and clocks do, at 8 o'clock.",
)


def write_essays(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for number, text in enumerate(TEXTS * 3):
        (folder / f"{number}.txt").write_text(f"{text}\n\nParagraph {number}. {text[::-1]}")
    return folder


def write_bert(folder: Path, spare: int = 0, marker: str | None = None) -> dict[str, np.ndarray]:
    """A checkpoint as one finds it: pooler, prefix, its own tokenizer; `spare` rows of no word."""
    folder.mkdir(parents=True, exist_ok=True)
    size = builtin.write_tokenizer(TEXTS if marker is None else [*TEXTS, marker], folder)
    fields = {"vocab_size": size + spare, "num_hidden_layers": 1}
    state = tensors(FIELDS | fields)
    named = {f"bert.{name}": array for name, array in state.items()}
    named["bert.pooler.dense.bias"] = np.zeros(8, np.float32)
    write(folder, named, **fields)
    return state


def source(name: str, **given: str | int | None) -> params.Backbone:
    return section(params.Backbone, source=name, **given)


def hash_of(folder: Path, tmp_path: Path) -> str:
    """The sha256 that the error message tells the user."""
    with pytest.raises(UserError) as told:
        make(source(str(folder)), "bert", tmp_path, TASK, tmp_path / "never")
    assert f"backbone.sha256: {folder}: expected null, found " in str(told.value)
    assert not (tmp_path / "never").exists()
    return found_in(told.value)


def found_in(error: UserError) -> str:
    """The sha256 that an error says was found."""
    return str(error).split("found ", 1)[1][:64]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    made = make(
        source("builtin:tiny"), "bert", write_essays(folder / "essays"), TASK, folder / "out"
    )
    assert made == {"source": "builtin:tiny", "seed": 1}
    return folder / "out"


def test_folder_of_a_backbone(tiny: Path):
    assert {path.name for path in tiny.iterdir()} == {
        "config.json",
        "encoder.json",
        "masked_head.safetensors",
        "model.safetensors",
        "origin.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    encoder = json.loads((tiny / "encoder.json").read_text())
    assert encoder == {"code": "networks/bert", "sha256": code_hash.of("networks/bert")}
    assert not any(b"/tmp" in path.read_bytes() for path in tiny.iterdir())


def test_hugging_face_opens_config_and_tokenizer(tiny: Path):
    config, tokenizer = AutoConfig.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    assert (config.hidden_size, config.num_hidden_layers) == (128, 2)
    assert config.id2label == {0: "Ineffective", 1: "Adequate", 2: "Effective"}
    assert config.label2id == {"Ineffective": 0, "Adequate": 1, "Effective": 2}
    assert config.vocab_size == len(tokenizer)
    assert tokenizer.model_max_length == 512
    ids = tokenizer("[LEAD] Sleep [BR] matters")["input_ids"]
    words = tokenizer.convert_ids_to_tokens(ids)
    assert (words[0], words[1], words[-1]) == ("[CLS]", "[LEAD]", "[SEP]")
    assert {"sleep", "[BR]", "matters"} <= set(words)
    assert set(ALL) <= set(tokenizer.all_special_tokens) | set(tokenizer.get_added_vocab())
    assert all(
        tokenizer.added_tokens_decoder[i].special
        for i in tokenizer.convert_tokens_to_ids(list(ALL))
    )


def test_model_of_a_builtin(tiny: Path):
    model = build(tiny, "bert", Settings())
    weights = load_backbone(tiny, model, 1)["encoder"]
    kernel = weights["layers"]["intermediate"]["kernel"]
    assert kernel.shape == (2, 128, 256)
    assert abs(kernel.std() - 0.02) < 0.001
    assert (weights["embeddings"]["norm"]["scale"] == 1).all()


def test_a_builtin_deberta(tmp_path: Path):
    essays = write_essays(tmp_path / "essays")
    make(source("builtin:tiny-deberta"), "deberta", essays, TASK, tmp_path / "out")
    fields = AutoConfig.from_pretrained(tmp_path / "out").to_dict()
    assert (fields["model_type"], fields["position_buckets"]) == ("deberta-v2", 32)
    model = build(tmp_path / "out", "deberta", Settings())
    weights = load_backbone(tmp_path / "out", model, 1)["encoder"]
    assert weights["relative"].shape == (64, 128)
    assert abs(weights["relative"].std() - 0.02) < 0.001
    assert (weights["relative_norm"]["scale"] == 1).all()
    with pytest.raises(UserError, match=r"encoder 'bert' does not serve .* encoder 'deberta' does"):
        make(source("builtin:tiny-deberta"), "bert", essays, TASK, tmp_path / "other")


def test_builtin_has_the_same_bytes_in_another_process(tiny: Path, tmp_path: Path):
    script = (
        "import sys; from pathlib import Path; from pipeline import params;"
        "from tests.configurations import section;"
        "from pipeline.backbones.make import make;"
        "from pipeline.competition.schema import TASK;"
        "source = section(params.Backbone);"
        "make(source, 'bert', Path(sys.argv[1]), TASK, Path(sys.argv[2]))"
    )
    subprocess.run(
        [sys.executable, "-c", script, str(write_essays(tmp_path / "a")), str(tmp_path / "out")],
        env=os.environ | {"TOKENIZERS_PARALLELISM": "false", "PYTHONHASHSEED": "5"},
        cwd=Path(__file__).parents[2],
        check=True,
    )
    for path in tiny.iterdir():
        assert path.read_bytes() == (tmp_path / "out" / path.name).read_bytes(), path.name


def test_vocabulary_covers_what_it_was_learnt_from(tmp_path: Path):
    builtin.write_tokenizer(TEXTS, tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    for text in TEXTS:
        ids = tokenizer(text)["input_ids"]
        assert tokenizer.unk_token_id not in ids
    assert tokenizer.convert_ids_to_tokens(list(range(5))) == list(builtin.SPECIAL)


def test_a_folder_with_its_hash(tmp_path: Path):
    state = write_bert(tmp_path / "mine")
    (tmp_path / "mine/notes.txt").write_text("not read")
    found = hash_of(tmp_path / "mine", tmp_path)
    out = tmp_path / "out"
    origin = make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, out)
    assert origin["sha256"] == found
    assert set(origin["files"]) == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    tensors = load_file(out / "model.safetensors")
    assert tensors.keys() == {f"bert.{name}" for name in state}
    words, before = tensors["bert.embeddings.word_embeddings.weight"], state[WORDS]
    np.testing.assert_array_equal(words[: len(before)], before)
    assert len(words) == len(before) + len(ALL)
    assert json.loads((out / "config.json").read_text())["vocab_size"] == len(words)
    (tmp_path / "mine/config.json").write_text("{}")
    with pytest.raises(UserError, match=f"expected {found}, found "):
        make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, out)
    assert (out / "config.json").exists()


def test_rows_that_no_word_uses_stay(tmp_path: Path):
    state = write_bert(tmp_path / "mine", spare=len(ALL) + 5)
    found = hash_of(tmp_path / "mine", tmp_path)
    make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")
    tensors = load_file(tmp_path / "out/model.safetensors")
    np.testing.assert_array_equal(tensors[f"bert.{WORDS}"], state[WORDS])


def test_a_marker_that_is_there_is_used_again(tmp_path: Path):
    folder = tmp_path / "mine"
    write_bert(folder)
    fields = json.loads((folder / "tokenizer.json").read_text())
    fields["model"]["vocab"][ALL[0]] = fields["model"]["vocab"].pop("[MASK]")
    for token in fields["added_tokens"]:
        token["content"] = token["content"].replace("[MASK]", ALL[0])
    (folder / "tokenizer.json").write_text(json.dumps(fields))
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[PAD]"})
    )
    found = hash_of(folder, tmp_path)
    make(source(str(folder), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")
    ids = AutoTokenizer.from_pretrained(tmp_path / "out").convert_tokens_to_ids(list(ALL))
    before = json.loads((folder / "config.json").read_text())["vocab_size"]
    assert ids == [4, *range(before, before + len(ALL) - 1)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (source("builtin:huge"), "no builtin:huge; there are: builtin:tiny"),
        (source("builtin:tiny", revision="main"), "backbone.revision: builtin:tiny: expected null"),
        (source("./nowhere"), "backbone.source: ./nowhere: no such folder"),
        (source("some/model"), "backbone.revision: some/model: a repository of the Hub needs one"),
        (
            source("some/model", revision="main", sha256="0"),
            "backbone.sha256: some/model: expected",
        ),
    ],
)
def test_sources_that_are_not_there(given: params.Backbone, message: str, tmp_path: Path):
    with pytest.raises(UserError, match=message):
        make(given, "bert", write_essays(tmp_path / "essays"), TASK, tmp_path / "out")


def test_builtin_without_essays(tmp_path: Path):
    with pytest.raises(UserError, match="no essays to learn the vocabulary of builtin:tiny from"):
        make(source("builtin:tiny"), "bert", tmp_path, TASK, tmp_path / "out")


def test_a_tokenizer_that_cannot_be_read_is_named(tmp_path: Path):
    folder = tmp_path / "mine"
    write_bert(folder)
    (folder / "tokenizer.json").unlink()
    (folder / "spm.model").write_bytes(b"no sentencepiece model")
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | DEBERTA))
    (folder / "tokenizer_config.json").write_text("{}")
    with pytest.raises(UserError) as told:
        make(source(str(folder)), "deberta", tmp_path, TASK, tmp_path / "out")
    found = found_in(told.value)
    with pytest.raises(UserError, match="mine: no tokenizer: "):
        make(source(str(folder), sha256=found), "deberta", tmp_path, TASK, tmp_path / "out")


def test_a_folder_without_a_vocabulary_is_refused(tmp_path: Path):
    write_bert(tmp_path / "mine")
    (tmp_path / "mine/tokenizer.json").unlink()
    found = hash_of(tmp_path / "mine", tmp_path)
    with pytest.raises(UserError, match="mine: no tokenizer: "):
        make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_missing_rows_of_words_are_not_drawn(tmp_path: Path):
    state = write_bert(tmp_path / "mine")
    size = len(state[WORDS])
    named = {f"bert.{name}": array for name, array in state.items()}
    named[f"bert.{WORDS}"] = np.ascontiguousarray(state[WORDS][:3])
    save_file(named, tmp_path / "mine/model.safetensors", {"format": "pt"})
    found = hash_of(tmp_path / "mine", tmp_path)
    with pytest.raises(UserError, match=rf"expected {size} rows \(vocab_size\), found 3"):
        make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")


def test_a_config_that_cannot_be_read_is_named(tmp_path: Path):
    write_bert(tmp_path / "mine")
    fields = json.loads((tmp_path / "mine/config.json").read_text())
    (tmp_path / "mine/config.json").write_text(json.dumps(fields | {"hidden_size": "wide"}))
    found = hash_of(tmp_path / "mine", tmp_path)
    with pytest.raises(UserError, match=r"mine/config\.json: "):
        make(source(str(tmp_path / "mine"), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")


def test_another_architecture_is_refused(tmp_path: Path):
    folder = tmp_path / "mine"
    write_bert(folder)
    fields = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(fields | {"model_type": "gpt2"}))
    found = hash_of(folder, tmp_path)
    with pytest.raises(UserError, match=r"config\.json: encoder 'bert' does not serve .*'gpt2'"):
        make(source(str(folder), sha256=found), "bert", tmp_path, TASK, tmp_path / "out")


@pytest.mark.parametrize(
    ("revision", "sha256", "encoder"),
    [(None, None, "bert"), ("main", None, "deberta"), (None, "0" * 64, "modernbert")],
)
def test_a_folder_is_answered_with_the_whole_block(
    tmp_path: Path, revision: str | None, sha256: str | None, encoder: str
):
    """One line to paste, whatever was wrong or missing, with the encoder that serves it."""
    write_bert(tmp_path / "my model")
    given = source(str(tmp_path / "my model"), revision=revision, sha256=sha256)
    with pytest.raises(UserError) as told:
        make(given, encoder, tmp_path, TASK, tmp_path / "out")
    assert "\n" not in str(told.value)
    block = YAML(typ="safe").load("{" + str(told.value).split("write ", 1)[1] + "}")
    assert block["encoder"] == "bert"
    backbone = section(params.Backbone, **block["backbone"])
    made = make(backbone, "bert", tmp_path, TASK, tmp_path / "out")
    assert made["sha256"] == block["backbone"]["sha256"]
