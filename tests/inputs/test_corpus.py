"""Token folders: golden arrays by hand for each case, and bytes that stay the same."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from pipeline import params
from pipeline.competition.schema import TASK
from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs.corpus import write_tokens
from pipeline.inputs.tokens import FILES
from tests.configurations import section

pytestmark = pytest.mark.golden

Tokenized = Callable[..., Any]  # conftest's Made


def test_every_array_of_one_essay(tokenized: Tokenized) -> None:
    made = tokenized({"E1": ("x a b.", [("Lead", "a b.")]), "E2": ("c", [("Claim", "c")])})
    first, second = made.window(0), made.window(1)
    # [CLS] x [LEAD] a b . [SEP]
    assert first.ids.tolist() == [2, 27, 32, 4, 5, 31, 3]
    assert first.slot.tolist() == [-1, -1, -1, 0, 0, 0, -1]
    assert (first.element.tolist(), first.weight.tolist()) == ([0], [1])
    # [CLS] [CLAIM] c [SEP]
    assert second.ids.tolist() == [2, 34, 6, 3]
    assert second.slot.tolist() == [-1, -1, 0, -1]
    assert second.element.tolist() == [1]
    assert [array.dtype.name for array in first] == ["int32", "int16", "int32", "float32"]
    tokens = made.tokens
    assert (tokens.essay_ids, tokens.element_ids) == (["E1", "E2"], ["e0", "e1"])
    assert (tokens.lengths.tolist(), tokens.n_slots.tolist()) == ([7, 4], [1, 1])


def test_text_between_elements_is_context(tokenized: Tokenized) -> None:
    made = tokenized(("x a b, y z c d. w", [("Claim", "a b"), ("Evidence", "c d.")]))
    assert made.windows() == ["[CLS] x [CLAIM] a b , y z [EVIDENCE] c d . w [SEP]"]
    assert made.slots() == [[-1, -1, -1, 0, 0, -1, -1, -1, -1, 1, 1, 1, -1, -1]]


def test_an_element_that_was_not_found_is_inserted_in_order(tokenized: Tokenized) -> None:
    elements = [("Lead", "!p q"), ("Claim", "a b"), ("Rebuttal", "!r"), ("Evidence", "d")]
    made = tokenized(("x a b y d", elements))
    assert made.windows() == ["[CLS] [LEAD] p q x [CLAIM] a b [REBUTTAL] r y [EVIDENCE] d [SEP]"]
    assert made.slots() == [[-1, -1, 0, 0, -1, -1, 1, 1, -1, 2, -1, -1, 3, -1]]
    assert made.window(0).element.tolist() == [0, 1, 2, 3]
    assert made.counts["elements_not_found"] == 2


def test_runs_of_newlines_are_paragraph_markers(tokenized: Tokenized) -> None:
    text = "x\n\n a b \n \r\n c\nd\n\ny"
    made = tokenized((text, [("Claim", "a b \n \r\n c"), ("Position", "d")]))
    assert made.windows() == ["[CLS] x [BR] [CLAIM] a b [BR] c [BR] [POSITION] d [BR] y [SEP]"]
    assert made.slots() == [[-1, -1, -1, -1, 0, 0, -1, 0, -1, -1, 1, -1, -1, -1]]


def test_windows_are_cut_between_elements(tokenized: Tokenized) -> None:
    elements = [("Lead", "a"), ("Claim", "b c"), ("Evidence", "d e"), ("Position", "f")]
    made = tokenized(("a b c x d e f y", elements), window=8)
    assert made.windows() == [
        "[CLS] [LEAD] a [CLAIM] b c [SEP]",
        "[CLS] x [EVIDENCE] d e [POSITION] f [SEP]",
    ]
    assert made.slots() == [[-1, -1, 0, -1, 1, 1, -1], [-1, -1, -1, 0, 0, -1, 1, -1]]
    assert [made.window(i).element.tolist() for i in (0, 1)] == [[0, 1], [2, 3]]
    assert made.counts == {
        "essays": 1,
        "elements": 4,
        "elements_continued": 0,
        "elements_fullest_window": 2,
        "elements_not_found": 0,
        "elements_without_text": 0,
        "sequences": 1,
        "sequences_cut": 1,
        "tokens": 15,
        "tokens_left_out": 1,  # y: the last window is full
        "tokens_longest_window": 8,
        "tokens_of_overlap": 0,
        "windows": 2,
    }
    assert read_json(made.folder / "counts.json") == made.counts


def test_an_element_over_two_windows(tokenized: Tokenized) -> None:
    made = tokenized(("a b c d e f g h k", [("Lead", "a b c d e f g"), ("Claim", "h")]), window=8)
    assert made.windows() == [
        "[CLS] [LEAD] a b c d e [SEP]",
        "[CLS] f g [CLAIM] h k [SEP]",
    ]
    assert made.slots() == [[-1, -1, 0, 0, 0, 0, 0, -1], [-1, 0, 0, -1, 1, -1, -1]]
    assert [made.window(i).element.tolist() for i in (0, 1)] == [[0], [0, 1]]
    assert made.window(0).weight.tolist() == [pytest.approx(5 / 7)]
    assert made.window(1).weight.tolist() == [pytest.approx(2 / 7), 1.0]
    assert made.counts["elements_continued"] == 1


def test_overlap_is_free_of_loss(tokenized: Tokenized) -> None:
    elements = [("Lead", "a b"), ("Claim", "c d"), ("Evidence", "e f"), ("Position", "g h k l m")]
    made = tokenized(("a b c d e f g h k l m", elements), window=9, overlap=2)
    assert made.windows() == [
        "[CLS] [LEAD] a b [CLAIM] c d [SEP]",
        "[CLS] c d [EVIDENCE] e f [SEP]",
        "[CLS] f [POSITION] g h k l m [SEP]",  # room for one token of overlap, not two
    ]
    assert made.slots() == [
        [-1, -1, 0, 0, -1, 1, 1, -1],
        [-1, -1, -1, -1, 0, 0, -1],
        [-1, -1, -1, 0, 0, 0, 0, 0, -1],
    ]
    assert made.counts["tokens_of_overlap"] == 3


def test_overlap_within_an_element(tokenized: Tokenized) -> None:
    made = tokenized(("a b c d e f g h k", [("Lead", "a b c d e f g h k")]), window=8, overlap=2)
    assert made.windows() == [
        "[CLS] [LEAD] a b c d e [SEP]",
        "[CLS] d e f g h k [SEP]",
    ]
    assert made.slots() == [[-1, -1, 0, 0, 0, 0, 0, -1], [-1, -1, -1, 0, 0, 0, 0, -1]]
    assert [made.window(i).weight.tolist() for i in (0, 1)] == [
        [pytest.approx(5 / 9)],
        [pytest.approx(4 / 9)],
    ]


def test_text_between_that_fits_into_neither_window(tokenized: Tokenized) -> None:
    text = "a b c p q r s t u v d e f g"
    made = tokenized((text, [("Lead", "a b c"), ("Claim", "d e f g")]), window=8)
    assert made.windows() == [  # the window before takes p and q, the element takes v along
        "[CLS] [LEAD] a b c p q [SEP]",
        "[CLS] v [CLAIM] d e f g [SEP]",
    ]
    assert made.counts["tokens_left_out"] == 4


def test_context_element(tokenized: Tokenized) -> None:
    elements = [("Lead", "a b.\nc"), ("Claim", "d e f g h k l"), ("Rebuttal", "!m")]
    made = tokenized(("x a b.\nc y d e f g h k l", elements), window=8, context="element")
    assert made.windows() == [
        "[CLS] a b . c [SEP]",
        "[CLS] d e f g h k [SEP]",
        "[CLS] l [SEP]",
        "[CLS] m [SEP]",
    ]
    assert made.slots()[:3] == [[-1, 0, 0, 0, 0, -1], [-1, 0, 0, 0, 0, 0, 0, -1], [-1, 0, -1]]
    assert [made.window(i).element.tolist() for i in range(4)] == [[0], [1], [1], [2]]
    assert made.window(2).weight.tolist() == [pytest.approx(1 / 7)]
    assert made.tokens.essay_ids == ["E"] * 4
    assert (made.counts["sequences"], made.counts["sequences_cut"]) == (3, 1)
    assert (made.counts["elements_not_found"], made.counts["elements_continued"]) == (1, 1)


ZERO_WIDTH = "\u200b"  # BERT's normalizer drops it


def test_an_element_without_tokens_has_its_marker(tokenized: Tokenized) -> None:
    made = tokenized((f"a {ZERO_WIDTH} b", [("Lead", ZERO_WIDTH), ("Claim", "b")]))
    assert made.windows() == ["[CLS] a [LEAD] [CLAIM] b [SEP]"]
    assert made.slots() == [[-1, -1, 0, -1, 1, -1]]
    assert made.counts["elements_without_text"] == 1


def test_an_element_alone_without_tokens_has_the_first_token(tokenized: Tokenized) -> None:
    made = tokenized((f"a {ZERO_WIDTH}", [("Lead", ZERO_WIDTH)]), context="element")
    assert made.windows() == ["[CLS] [SEP]"]
    assert made.slots() == [[0, -1]]
    assert made.window(0).weight.tolist() == [1.0]
    assert made.counts["elements_without_text"] == 1


def test_overlapping_elements_each_have_a_token(tokenized: Tokenized) -> None:
    elements = [("Lead", "a b c d"), ("Claim", "b c"), ("Evidence", "b c"), ("Position", "a b")]
    made = tokenized(("a b c d e", elements))
    assert made.windows() == ["[CLS] [LEAD] [POSITION] a [CLAIM] [EVIDENCE] b c d e [SEP]"]
    assert made.slots() == [[-1, 0, -1, 1, 2, -1, 3, 3, -1, -1, -1]]
    assert made.window(0).element.tolist() == [0, 3, 1, 2]


@pytest.mark.parametrize("context", ["essay", "element"])
def test_an_essay_cannot_write_special_tokens(tokenized: Tokenized, context: str) -> None:
    made = tokenized(("[SEP] a [LEAD][BR]", [("Lead", "[SEP] a [LEAD][BR]")]), context=context)
    ids = made.window(0).ids[1:-1].tolist()
    assert ids.count(32) == (1 if context == "essay" else 0)  # [LEAD]
    assert not {2, 3, 39} & set(ids)  # [CLS], [SEP], [BR]


def test_a_byte_level_token_belongs_where_its_last_character_is(
    tokenized: Tokenized, bytelevel: Path
) -> None:
    made = tokenized(
        ("b a a cd\nb", [("Lead", "a"), ("Claim", "cd"), ("Claim", "b")]), backbone=bytelevel
    )
    # <s> b [LEAD] Ġa Ġa [CLAIM] Ġ cd [BR] [CLAIM] Ġb </s>; the space before cd is no own text
    lead, claim, br = 263, 265, 270
    assert made.window(0).ids.tolist() == [
        *[0, 69, lead, 260, 260, claim, 224, 262, br, claim, 261, 2]
    ]
    assert made.slots() == [[-1, -1, -1, 0, -1, -1, -1, 1, -1, -1, 2, -1]]


def test_no_essays(tokenized: Tokenized) -> None:
    made = tokenized({})
    assert len(made.tokens) == 0
    assert made.tokens.element_ids == []
    assert made.tokens.lengths.tolist() == []
    assert set(made.counts.values()) == {0}


def test_labels_have_no_part_in_tokens(tokenized: Tokenized) -> None:
    essay = ("a b", [("Lead", "a"), ("Claim", "b")])
    one = digests(tokenized(essay, label=-1).folder)
    assert digests(tokenized(essay, label=2).folder) == one


def test_more_essays_than_a_batch(tokenized: Tokenized) -> None:
    alphabet = "abcdefgh"
    essays = {f"E{i}": (f"{alphabet[i % 8]} x", [("Lead", alphabet[i % 8])]) for i in range(150)}
    made = tokenized(essays)
    assert made.windows() == [f"[CLS] [LEAD] {alphabet[i % 8]} x [SEP]" for i in range(150)]
    assert made.tokens.essay_ids == [f"E{i}" for i in range(150)]
    assert [made.window(i).element.tolist() for i in range(150)] == [[i] for i in range(150)]


def test_datasets_opens_it(tokenized: Tokenized) -> None:
    made = tokenized(("a b", [("Lead", "a b")]))
    (row,) = datasets.Dataset.load_from_disk(str(made.folder)).to_list()
    assert (row["essay_id"], row["input_ids"]) == ("E", [2, 32, 4, 5, 3])


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_another_process_with_rewritten_input_writes_the_same_bytes(
    tokenized: Tokenized, tmp_path: Path, wordpiece: Path
) -> None:
    essays = {
        f"E{i}": (f"x a b c d\n{'e ' * i}f", [("Lead", "a b"), ("Claim", "d")]) for i in (9, 3)
    }
    before = digests(tokenized(essays, window=16, overlap=2).folder)
    for path in (tmp_path / "clean/train").iterdir():
        pq.write_table(pq.read_table(path), path, compression="gzip", row_group_size=1)
    home, scratch = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    scratch.mkdir()
    program = (
        "from pathlib import Path; from pipeline import params; from tests import configurations\n"
        "from pipeline.competition.schema import TASK\n"
        "from pipeline.inputs.corpus import write_tokens\n"
        f"write_tokens(Path('clean/train'), Path({str(wordpiece)!r}), Path('again'),"
        " configurations.section(params.Inputs, window=16, overlap=2), TASK)"
    )
    root = Path(__file__).parents[2]
    environment = {"HOME": str(home), "TMPDIR": str(scratch), "PYTHONHASHSEED": "5"}
    environment |= {"PYTHONPATH": str(root), "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, env=environment, check=True)
    assert digests(tmp_path / "again") == before
    assert set(before) == set(FILES)
    assert not [path for path in home.rglob("*") if path.is_file()]
    assert not list(scratch.iterdir())


def test_other_texts_have_another_fingerprint(tokenized: Tokenized) -> None:
    prints = []
    for text in ("a", "b"):
        made = tokenized((text, [("Lead", text)]))
        prints.append(read_json(made.folder / "state.json")["_fingerprint"])
    assert prints[0] != prints[1]


@pytest.mark.parametrize(
    ("window", "overlap", "message"),
    [
        (65, 0, r"inputs\.window: 65 tokens, but .*config\.json has positions for 64"),
        (16, 14, r"inputs\.overlap: 14 tokens, but a window of 16 has room for 14"),
    ],
)
def test_windows_that_cannot_be(
    tokenized: Tokenized, window: int, overlap: int, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        tokenized(("a", [("Lead", "a")]), window=window, overlap=overlap)


@pytest.mark.parametrize("name", ["elements.parquet", "essays.parquet"])
def test_missing_input_leaves_the_output_alone(
    tokenized: Tokenized, tmp_path: Path, wordpiece: Path, name: str
) -> None:
    before = digests(tokenized(("a", [("Lead", "a")])).folder)
    (tmp_path / "clean/train" / name).unlink()
    inputs = section(params.Inputs, window=32)
    with pytest.raises(UserError, match=rf"{name}: not found; run the validate stage first"):
        write_tokens(tmp_path / "clean/train", wordpiece, tmp_path / "tokens/train", inputs, TASK)
    assert digests(tmp_path / "tokens/train") == before


def test_essays_in_another_order(tokenized: Tokenized, tmp_path: Path, wordpiece: Path) -> None:
    tokenized({"E1": ("a", [("Lead", "a")]), "E2": ("b", [("Lead", "b")])})
    path = tmp_path / "clean/train/essays.parquet"
    pq.write_table(pq.read_table(path).take([1, 0]), path)
    inputs = section(params.Inputs, window=32)
    with pytest.raises(UserError, match=r"essays\.parquet: essays differ"):
        write_tokens(tmp_path / "clean/train", wordpiece, tmp_path / "tokens/train", inputs, TASK)
