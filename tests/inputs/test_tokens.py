"""The reader: views of mapped files, over shards and record batches, without heavy imports."""

import subprocess
import sys
from pathlib import Path

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.competition.schema import TASK
from pipeline.errors import UserError
from pipeline.inputs.tokens import joined, read_tokens
from pipeline.inputs.windowing import window_columns

FEATURES = datasets.Features.from_arrow_schema(window_columns(TASK))


def row(i: int) -> dict[str, object]:
    """Window i: i + 1 tokens and i % 3 + 1 elements, all telling i."""
    n = i % 3 + 1
    return {
        "essay_id": f"E{i}",
        "input_ids": [i] * (i + 1),
        "slot": [-1] * i + [n - 1],
        "element": [i + 100] * n,
        "weight": [i / 4] * n,
    }


def save(folder: Path, n_windows: int, n_shards: int) -> Path:
    made = datasets.Dataset.from_list([row(i) for i in range(n_windows)], features=FEATURES)
    made.save_to_disk(folder, num_shards=n_shards)
    index = {"discourse_id": ["e0", "e1"]}
    pq.write_table(pa.table(index), folder / "elements.parquet")
    return folder


def test_joined_stores_hold_the_windows_of_both(tmp_path: Path) -> None:
    """The second one's elements are rows of the joint index: 2 + 100."""
    first, second = (read_tokens(save(tmp_path / n, int(n), 2)) for n in ("3", "5"))
    tokens = joined(first, second)
    assert len(tokens) == 8
    assert tokens.essay_ids == [f"E{i}" for i in (0, 1, 2, 0, 1, 2, 3, 4)]
    assert tokens.element_ids == ["e0", "e1", "e0", "e1"]
    assert tokens.lengths.tolist() == [1, 2, 3, 1, 2, 3, 4, 5]
    assert [tokens.window(w).ids[0] for w in range(8)] == [0, 1, 2, 0, 1, 2, 3, 4]
    assert [tokens.window(w).element[0] for w in range(8)] == [
        *(100, 101, 102),
        *(102, 103, 104, 105, 106),
    ]
    assert second.window(0).element[0] == 100


@pytest.mark.parametrize(("n_windows", "n_shards"), [(1, 1), (5, 2), (1200, 1), (2300, 2)])
def test_every_window_over_shards_and_record_batches(
    tmp_path: Path, n_windows: int, n_shards: int
) -> None:
    tokens = read_tokens(save(tmp_path / "t", n_windows, n_shards))
    assert len(tokens.chunks) >= max(n_shards, n_windows // 1000)
    assert len(tokens) == n_windows
    assert tokens.essay_ids == [f"E{i}" for i in range(n_windows)]
    assert tokens.lengths.tolist() == [i + 1 for i in range(n_windows)]
    assert tokens.n_slots.tolist() == [i % 3 + 1 for i in range(n_windows)]
    assert tokens.element_ids == ["e0", "e1"]
    for i in {0, n_windows // 2, n_windows - 1, min(999, n_windows - 1), min(1000, n_windows - 1)}:
        found = tokens.window(i)
        expected = row(i)
        assert found.ids.tolist() == expected["input_ids"]
        assert found.slot.tolist() == expected["slot"]
        assert found.element.tolist() == expected["element"]
        assert found.weight.tolist() == expected["weight"]


def test_nothing_is_copied(tmp_path: Path) -> None:
    folder = save(tmp_path / "t", 900, 1)
    allocated = pa.total_allocated_bytes()
    tokens = read_tokens(folder)
    size = (folder / "data-00000-of-00001.arrow").stat().st_size
    assert size > 2_000_000
    assert pa.total_allocated_bytes() - allocated < size / 50  # the index and the essays' ids
    for array, values in zip(tokens.window(500), tokens.chunks[0].values, strict=True):
        assert not array.flags.owndata
        assert not array.flags.writeable
        assert np.shares_memory(array, values)
    name = str(folder / "data-00000-of-00001.arrow")
    address = tokens.window(500).ids.ctypes.data
    ranges = [line.split() for line in Path("/proc/self/maps").read_text().splitlines()]
    mapped = [r[0].split("-") for r in ranges if r[-1] == name]
    assert any(int(a, 16) <= address < int(b, 16) for a, b in mapped)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"t/state\.json: not found"):
        read_tokens(tmp_path / "t")


@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "elements.parquet"])
def test_a_folder_that_is_not_whole(tmp_path: Path, name: str) -> None:
    (save(tmp_path / "t", 2, 1) / name).unlink()
    with pytest.raises(UserError, match=f"t: not whole, .*{name}"):
        read_tokens(tmp_path / "t")


@pytest.mark.parametrize("name", ["data-00000-of-00001.arrow", "elements.parquet"])
def test_a_damaged_folder_is_one_line_or_still_whole(tmp_path: Path, name: str) -> None:
    """Whatever lengths it claims: no more is read than the file holds."""
    path, refused = save(tmp_path / "t", 2, 1) / name, []
    content = path.read_bytes()
    damages = [content[:place] for place in range(0, len(content), 97)]
    for place in range(0, len(content), 5):
        for byte in (b"\x00", b"\x7f", b"\xff"):
            damages.append(content[:place] + byte + content[place + 1 :])
    for damage in damages:
        path.unlink()  # what was mapped stays as it was
        path.write_bytes(damage)
        try:
            tokens = read_tokens(tmp_path / "t")
        except UserError as error:
            refused.append(str(error))
        else:
            assert all(len(tokens.window(i).ids) >= 0 for i in range(len(tokens)))
    assert len(refused) > len(content) // 97
    assert not any("\n" in line for line in refused)
    assert all(line.startswith(f"{tmp_path / 't'}") for line in refused)


def test_a_store_of_something_else_is_one_line(tmp_path: Path) -> None:
    datasets.Dataset.from_list([{"essay_id": "E", "text": "x"}]).save_to_disk(tmp_path / "t")
    pq.write_table(pa.table({"discourse_id": ["e0"]}), tmp_path / "t/elements.parquet")
    with pytest.raises(UserError, match=r"t: no store of tokens: .*input_ids"):
        read_tokens(tmp_path / "t")


def test_reading_imports_nothing_heavy(tmp_path: Path) -> None:
    folder = save(tmp_path / "t", 3, 1)
    program = (
        "import sys; from pathlib import Path\n"
        "from pipeline.inputs import packing, tokens\n"
        f"assert len(tokens.read_tokens(Path({str(folder)!r}))) == 3\n"
        "heavy = {'pandas', 'datasets', 'transformers', 'sklearn'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
