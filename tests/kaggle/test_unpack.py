"""Archives that nobody should send end in one line, and nothing of them is left."""

import zipfile
from pathlib import Path

import pytest

from pipeline.errors import UserError
from pipeline.kaggle import unpack as unpacking
from pipeline.kaggle.unpack import unpack
from tests.kaggle.archives import archive, damaged, link, patched

FILES = {"train.csv": b"abc" * 100, "test/A.txt": b"hello " * 50}
GOOD = archive(FILES)
# Offsets of a member's fields: in the central directory and before the member itself.
VERSION, FLAGS, METHOD, CHECKSUM = (6, None), (8, 6), (10, 8), (16, 14)
OFFSET = (42, None)
ADVICE = "remove it and run the same command again"
AGAIN = f"; {ADVICE}"
CASES: dict[str, tuple[bytes, str]] = {
    "no name": (
        archive({"": b"1"}),
        "'': a path that leads out of the folder; nothing was unpacked",
    ),
    "dot": (
        archive({".": b"1"}),
        "'.': a path that leads out of the folder; nothing was unpacked",
    ),
    "name that says UTF-8 and is not": (
        patched(archive({"aa": b"1"}), FLAGS, 0x800).replace(b"aa", b"a\xff"),
        "no whole zip file ('utf-8' codec can't decode byte 0xff in position 1: invalid start byte)"
        + AGAIN,
    ),
    "damaged LZMA": (
        damaged(archive({"a": b"hello" * 999}, zipfile.ZIP_LZMA), 40),
        f"no whole zip file (Corrupt input data){AGAIN}",
    ),
    "damaged bzip2": (
        damaged(archive({"a": b"hello" * 999}, zipfile.ZIP_BZIP2), 50),
        "cannot be unpacked into HERE: invalid data stream",
    ),
    "unknown compression": (
        patched(GOOD, METHOD, 99),
        f"no whole zip file (That compression method is not supported){AGAIN}",
    ),
    "of a later version": (
        patched(GOOD, VERSION, 99),
        f"no whole zip file (zip file version 9.9){AGAIN}",
    ),
    "encrypted": (patched(GOOD, FLAGS, 1), "'train.csv': encrypted; nothing was unpacked"),
    "wrong checksum": (
        patched(GOOD, CHECKSUM, 12345, "<I"),
        f"no whole zip file (Bad CRC-32 for file 'train.csv'){AGAIN}",
    ),
    "half": (GOOD[: len(GOOD) // 2], f"no whole zip file (File is not a zip file){AGAIN}"),
    "cut directory": (GOOD[:-30], f"no whole zip file (File is not a zip file){AGAIN}"),
    "member beyond the end": (
        patched(GOOD, OFFSET, 0x7FFFFFFF, "<I"),
        f"no whole zip file (Truncated file header){AGAIN}",
    ),
    "member beyond the end, of zip64": (
        patched(GOOD, OFFSET, 0xFFFFFFFF, "<I"),
        f"no whole zip file (Truncated file header){AGAIN}",
    ),
    "directory beyond the end": (
        patched(GOOD, (None, None), 0x7FFFFFFF, "<I"),
        "cannot be unpacked into HERE: invalid argument",
    ),
    "file, then a folder of its name": (
        archive({"a": b"1", "a/b": b"2"}),
        "'a/b': a name that comes as a file and as a folder; nothing was unpacked",
    ),
    "folder, then a file of its name": (
        archive({"a/b": b"2", "a": b"1"}),
        "'a': a name that comes as a file and as a folder; nothing was unpacked",
    ),
    "name twice": (
        archive({"a/b": b"1", "A/./b": b"2"}),
        "'A/./b': a name that comes twice; nothing was unpacked",
    ),
    "absolute name": (
        archive({"/etc/a": b"1"}),
        "'/etc/a': a path that leads out of the folder; nothing was unpacked",
    ),
    "name that leads out": (
        archive({"a/../../b": b"1"}),
        "'a/../../b': a path that leads out of the folder; nothing was unpacked",
    ),
    "link": (
        link("train", "/etc"),
        "'train': a link or device, expected files and folders; nothing was unpacked",
    ),
    "name that is too long": (
        archive({"x" * 300: b"1"}),
        "cannot be unpacked into HERE: name too long; expected at most 255 bytes between slashes",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_is_one_line(tmp_path: Path, name: str) -> None:
    content, line = CASES[name]
    path, folder = tmp_path / "a.zip", tmp_path / "out"
    path.write_bytes(content)
    folder.mkdir()
    with pytest.raises(UserError) as error:
        unpack(path, folder, ADVICE)
    assert str(error.value) == f"{path}: {line.replace('HERE', str(tmp_path))}"


def test_what_claims_more_than_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bomb is known by its directory, and no member gives more than that says."""
    path, folder = tmp_path / "a.zip", tmp_path / "out"
    path.write_bytes(archive({"a": bytes(10_000_000)}))
    assert path.stat().st_size < 20_000
    folder.mkdir()
    monkeypatch.setattr(unpacking, "LARGEST", 9_999_999)
    with pytest.raises(UserError, match=r"would unpack to 10,000,000 bytes in 1 files, expected"):
        unpack(path, folder, ADVICE)
    assert list(folder.iterdir()) == []


def test_any_bytes_are_files_or_one_line(tmp_path: Path) -> None:
    """Every byte of small archives, changed in turn."""
    path, refused = tmp_path / "a.zip", []
    for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        whole = archive({"a": b"hello" * 9, "b/\xe9": b"1"}, kind)
        for place in range(len(whole)):
            folder = tmp_path / f"{kind}-{place}"
            folder.mkdir()
            path.write_bytes(damaged(whole, place))
            try:
                unpack(path, folder, ADVICE)
            except UserError as error:
                refused.append(str(error))
    assert len(refused) > 300
    assert not any("\n" in line for line in refused)


def test_archives_of_every_usual_kind_are_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    kinds = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    for kind in kinds:
        path.write_bytes(archive({"folder/": b"", **FILES, "folder/a\nb": b"1"}, kind))
        folder = tmp_path / str(kind)
        folder.mkdir()
        assert unpack(path, folder, ADVICE) == 3
        for name, data in FILES.items():
            assert (folder / name).read_bytes() == data
