"""Archives that nobody should send."""

import io
import stat
import struct
import zipfile

_MEMBER, _DIRECTORY, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"


def archive(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file with these names as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packing:
        for name, data in files.items():
            packing.writestr(zipfile.ZipInfo(name), data, compression)
    return stream.getvalue()


def damaged(content: bytes, place: int) -> bytes:
    """An archive with one byte changed."""
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def patched(
    content: bytes, field: tuple[int | None, int | None], value: int, form: str = "<H"
) -> bytes:
    """An archive in which a field of every member has another value.

    Args:
      content: the archive.
      field: its offset in the directory's entry and in the member's own header; two None are the
        offset of the directory.
      value: the other value.
      form: of the field, as `struct` has it.
    """
    changed = bytearray(content)
    for mark, offset in zip((_DIRECTORY, _MEMBER), field, strict=True):
        place = -1
        while offset is not None and (place := content.find(mark, place + 1)) >= 0:
            struct.pack_into(form, changed, place + offset, value)
    if field == (None, None):
        struct.pack_into(form, changed, content.rfind(_END) + 16, value)
    return bytes(changed)


def link(name: str, to: str) -> bytes:
    """A zip file with a symbolic link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packing:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packing.writestr(entry, to)
    return stream.getvalue()
