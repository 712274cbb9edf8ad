"""Archives that nobody should send."""

import io
import stat
import zipfile


def archive(files: dict[str, bytes]) -> bytes:
    """A zip file with these names as they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packing:
        for name, data in files.items():
            packing.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def link(name: str, to: str) -> bytes:
    """A zip file with a symbolic link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packing:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        packing.writestr(entry, to)
    return stream.getvalue()
