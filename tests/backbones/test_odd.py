"""Checkpoints with something wrong: one line, which names the user's own file, and nothing made."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipeline import params
from pipeline.backbones import sources
from pipeline.backbones.make import make
from pipeline.competition.schema import TASK
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.files import read_json, sha256_of
from tests.backbones.test_make import WORDS, write_bert, write_essays
from tests.configurations import section

Change = Callable[[Path], object]
NAN = float("nan")
DENSE = "bert.encoder.layer.0.output.dense.weight"


def fields(name: str = "config.json", **changed: Any) -> Change:
    """Set fields of a JSON file; None for those that go."""

    def change(folder: Path) -> None:
        kept = {k: v for k, v in read_json(folder / name).items() if k not in changed}
        new = {k: v for k, v in changed.items() if v is not None}
        (folder / name).write_text(json.dumps(kept | new))

    return change


def weights(change: Callable[[dict[str, np.ndarray]], object]) -> Change:
    def changed(folder: Path) -> None:
        state = {name: np.array(array) for name, array in load_file(folder / FILE).items()}
        change(state)
        save_file(state, folder / FILE, {"format": "pt"})

    return changed


def no_file(name: str, folder: bool) -> Change:
    """Put a folder, or a link to itself, in the place of a file."""

    def change(where: Path) -> None:
        (where / name).unlink(missing_ok=True)
        if folder:
            (where / name).mkdir()
        else:
            (where / name).symlink_to(name)

    return change


def refusal(tmp_path: Path, change: Change) -> str:
    """The message, without the path of the folder."""
    folder = tmp_path / "mine"
    write_bert(folder)
    change(folder)
    try:
        sha256 = sha256_of(sources.read_files(folder), folder)
    except UserError:
        sha256 = None
    source = section(params.Backbone, source=str(folder), sha256=sha256)
    with pytest.raises(UserError) as told:
        make(source, "bert", tmp_path, TASK, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))
    return str(told.value).replace(str(folder), "mine")


def test_what_is_not_changed_is_taken(tmp_path: Path):
    write_bert(tmp_path / "mine")
    found = sha256_of(sources.read_files(tmp_path / "mine"), tmp_path / "mine")
    source = section(params.Backbone, source=str(tmp_path / "mine"), sha256=found)
    make(source, "bert", tmp_path, TASK, tmp_path / "out")


def set_at(name: str, index: Any, value: float) -> Change:
    return weights(lambda state: state[name].__setitem__(index, value))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(
            set_at(f"bert.{WORDS}", (3, 2), NAN),
            f"mine/model.safetensors: bert.{WORDS}: expected finite numbers, found 1 of ",
            id="a word that is not a number",
        ),
        pytest.param(
            weights(lambda s: s.update({DENSE: np.zeros((0, 8), np.float32)})),
            "mine: encoder.layer.0.output.dense.weight: expected shape (8, 12), found (0, 8)",
            id="a tensor without numbers",
        ),
        pytest.param(
            weights(lambda s: s.update({f"bert.{WORDS}": np.array(1.0, np.float32)})),
            f"mine: {WORDS}: expected ",
            id="a number in place of words",
        ),
        pytest.param(
            weights(lambda s: s.update(odd=s[DENSE])),
            "mine: the weights do not fit the model: unexpected odd",
            id="a tensor too many",
        ),
        pytest.param(
            weights(lambda s: s.update({DENSE[5:]: s[DENSE]})),
            f"mine: the weights hold {DENSE[5:]} twice: {DENSE} and {DENSE[5:]}",
            id="a tensor twice",
        ),
        pytest.param(
            fields(num_attention_heads=0),
            "mine/config.json: num_attention_heads: expected an integer from 1 to 2147483647, "
            "found 0",
            id="no heads",
        ),
        pytest.param(
            fields(hidden_dropout_prob=NAN),
            "mine/config.json: hidden_dropout_prob: expected finite numbers, found nan",
            id="a rate that is not a number",
        ),
        pytest.param(
            fields(task_specific_params={"a": [1.0, NAN]}),
            "mine/config.json: task_specific_params: expected finite numbers, found "
            "{'a': [1.0, nan]}",
            id="an unused field that is not a number",
        ),
        pytest.param(
            fields(hidden_act="mish"),
            "mine/config.json: hidden_act: expected one of gelu, ",
            id="an activation",
        ),
        *[
            pytest.param(
                no_file(name, folder),
                f"mine/{name}: expected a file, found a {'folder' if folder else 'link'}",
                id=f"{name} is a {'folder' if folder else 'link to itself'}",
            )
            for name in ("config.json", FILE, f"{FILE}.index.json", "tokenizer_config.json")
            for folder in (True, False)
        ],
        *[
            pytest.param(
                lambda folder, text=text: (folder / "tokenizer.json").write_text(text),
                "mine/tokenizer.json: no tokenizer: ",
                id=f"tokenizer.json is {text[:3]}",
            )
            for text in ("", "[1]", "{}", "[" * 100_000)
        ],
        pytest.param(
            lambda folder: (folder / "config.json").write_text("[" * 100_000),
            "mine/config.json: not JSON: nested too deeply",
            id="a config without a floor",
        ),
    ],
)
def test_what_is_odd_is_named(tmp_path: Path, change: Change, message: str):
    assert refusal(tmp_path, change).startswith(message)


def without_unknown(folder: Path) -> None:
    """Leave an unknown word without a token to stand for it."""
    made = read_json(folder / "tokenizer.json")
    made["model"]["vocab"].pop("[UNK]")
    made["added_tokens"] = [t for t in made["added_tokens"] if t["content"] != "[UNK]"]
    (folder / "tokenizer.json").write_text(json.dumps(made))
    fields("tokenizer_config.json", unk_token=None)(folder)


def test_a_tokenizer_that_fails_on_a_text_is_named(tmp_path: Path):
    assert refusal(tmp_path, without_unknown) == (
        "mine: the tokenizer can't read odd texts: WordPiece error: Missing [UNK] token from the "
        "vocabulary"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (fields(vocab_size=3), "mine: the tokenizer gives '"),
        (fields(model_type="a\nb"), "mine/config.json: encoder 'bert' does not serve model_type"),
        (fields("tokenizer_config.json", pad_token=5), "mine: no tokenizer: Special token pad_t"),
        (weights(lambda s: s.update({DENSE: s[DENSE].astype(np.float64)})), "mine"),
        (lambda folder: (folder / FILE).write_bytes(b""), f"mine/{FILE}: cannot be read as saf"),
    ],
)
def test_what_was_refused_already_still_is(tmp_path: Path, change: Change, message: str):
    assert refusal(tmp_path, change).startswith(message)


def test_a_builtin_is_named_by_its_own_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(folder: Path) -> None:
        raise UserError(f"{folder}/tokenizer.json: odd")

    monkeypatch.setattr("pipeline.backbones.make.source_tokenizer.read", refuse)
    source = section(params.Backbone, source="builtin:tiny")
    with pytest.raises(UserError) as told:
        make(source, "bert", write_essays(tmp_path / "essays"), TASK, tmp_path / "out")
    assert str(told.value) == "builtin:tiny/tokenizer.json: odd"
    assert tempfile.gettempdir() not in str(told.value)
