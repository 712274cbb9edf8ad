"""Places that a user names, for checkpoints and for the compile cache."""

from pathlib import Path

import pytest

from pipeline import paths
from pipeline.errors import UserError

PLACES = {"CHECKPOINT_ROOT": paths.checkpoints, "JAX_COMPILATION_CACHE_DIR": paths.compile_cache}


@pytest.mark.parametrize("variable", PLACES)
@pytest.mark.parametrize(
    ("address", "mount"),
    [
        ("gs://bucket/runs", "gcsfuse --implicit-dirs bucket /mnt/bucket"),
        ("GS://bucket/runs", "gcsfuse --implicit-dirs bucket /mnt/bucket"),
        ("gs:/bucket/runs", "gcsfuse --implicit-dirs bucket /mnt/bucket"),
        ("s3://bucket/runs", "mount-s3 bucket /mnt/bucket"),
        ("hf://buckets/user/runs", "mount it"),
        ("file:///mnt/drive", "mount it"),
        ("https://example.org/x", "mount it"),
    ],
)
def test_an_address_is_refused(
    variable: str, address: str, mount: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, address)
    with pytest.raises(UserError) as error:
        PLACES[variable]()
    said = str(error.value)
    assert said.startswith(f"{variable}: expected a folder, found the address {address!r}; ")
    assert mount in said
    assert "\n" not in said


@pytest.mark.parametrize("variable", PLACES)
@pytest.mark.parametrize("folder", ["/mnt/bucket/runs", "runs", "../runs", "odd:name"])
def test_a_folder_is_taken(variable: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, folder)
    assert PLACES[variable]() == Path(folder)


@pytest.mark.parametrize("variable", PLACES)
def test_nothing_and_home_mean_what_they_mean_in_a_shell(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    default = PLACES[variable]()
    monkeypatch.setenv(variable, "")
    assert PLACES[variable]() == default
    monkeypatch.setenv(variable, "~/runs")
    assert PLACES[variable]() == Path.home() / "runs"
