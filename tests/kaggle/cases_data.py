"""What `make data` can meet, and the one line that the user sees."""

from pathlib import Path

from tests.kaggle.archives import archive, link
from tests.kaggle.failures import (
    AGAIN,
    DOWNLOAD,
    SIGN_IN,
    TOKENS,
    Case,
    bad_label,
    bomb,
    fails,
    full_device,
    full_while_unpacking,
    little_room,
    rules,
    serves,
    wrong_key,
)
from tests.kaggle.project import COMPETITION

DATA = [
    *SIGN_IN,
    Case(
        "key that Kaggle does not know",
        wrong_key,
        f"{DOWNLOAD}: Kaggle does not accept the credentials (Unauthenticated): {TOKENS}",
    ),
    Case(
        "rules not accepted",
        rules,
        f"{DOWNLOAD}: the competition's rules are not accepted; accept them at "
        f"https://www.kaggle.com/competitions/{COMPETITION}/rules, then {AGAIN}",
    ),
    Case(
        "mistyped competition",
        lambda _: None,
        "could not download the data of feedback-price: Kaggle knows no competition "
        "'feedback-price' that this account may enter (Permission 'competitions.participate' was "
        "denied); check the name",
        ("--competition", "feedback-price"),
    ),
    Case(
        "half a download, each time",
        fails("GET", 0),
        f"{DOWNLOAD}: no connection to Kaggle, or it broke off; check the network and any proxy, "
        f"then {AGAIN}",
    ),
    Case(
        "429, each time",
        fails("DownloadDataFiles", 429, "Too Many Requests"),
        f"{DOWNLOAD}: Kaggle answered 429 (Too Many Requests) each time; later, {AGAIN}",
    ),
    Case(
        "500, each time",
        fails("DownloadDataFiles", 500, "Internal Server Error"),
        f"{DOWNLOAD}: Kaggle answered 500 (Internal Server Error) each time; later, {AGAIN}",
    ),
    Case(
        "too little room for the archive",
        little_room,
        f".cache/kaggle/{COMPETITION}.zip: disk full: 0 MB are needed, 0 MB are free; make room, "
        f"then {AGAIN}",
    ),
    Case(
        "disk that fills up",
        full_device,
        f"{DOWNLOAD}: disk full; make room and run the same command again",
    ),
    Case(
        "disk that fills up while unpacking",
        full_while_unpacking,
        f".cache/kaggle/{COMPETITION}.zip: cannot be unpacked into data: disk full; make room and "
        "run the same command again",
    ),
    Case(
        "archive that is none",
        serves(b"<html>maintenance</html>"),
        f".cache/kaggle/{COMPETITION}.zip: no whole zip file (File is not a zip file); remove it "
        "and run the same command again",
    ),
    Case(
        "path that leads out of the archive",
        serves(archive({"train.csv": b"", "../../.bashrc": b""})),
        f".cache/kaggle/{COMPETITION}.zip: '../../.bashrc': a path that leads out of the folder; "
        "nothing was unpacked",
    ),
    Case(
        "link in the archive",
        serves(link("train", "/etc")),
        f".cache/kaggle/{COMPETITION}.zip: 'train': a link or device, expected files and folders; "
        "nothing was unpacked",
    ),
    Case(
        "archive that grows too large",
        bomb,
        f".cache/kaggle/{COMPETITION}.zip: would unpack to 10,000 bytes in 1 files, expected at "
        "most 9,999 in 200,000; nothing was unpacked",
    ),
    Case(
        "data that is not the competition's",
        bad_label,
        "data/raw/train.csv: row 3 (discourse_id t3): column 'discourse_effectiveness': found "
        "'Hopeless', expected one of Ineffective, Adequate, Effective (as Kaggle has it; nothing "
        "was kept)",
    ),
    Case(
        "folder that is not the project's",
        lambda _: Path(".dvc").rmdir(),
        ".dvc: not found; run from the root of the project",
    ),
]

ZIP = [
    Case(
        "ZIP= without an archive",
        lambda _: None,
        "ZIP: nowhere/kaggle.zip: not found, expected Kaggle's archive",
        ("--zip", "nowhere/kaggle.zip"),
    ),
    Case(
        "ZIP= of a folder",
        lambda _: Path("downloads").mkdir(),
        "ZIP: downloads: found a folder, expected Kaggle's archive",
        ("--zip", "downloads"),
    ),
    Case(
        "ZIP= of no archive",
        lambda _: Path("kaggle.zip").write_text("<html>sign in</html>"),
        "kaggle.zip: no whole zip file (File is not a zip file); download it again",
        ("--zip", "kaggle.zip"),
    ),
    Case(
        "ZIP= of another competition",
        lambda _: Path("kaggle.zip").write_bytes(archive({"train.csv": b"a,b\n", "x.txt": b""})),
        "data/raw/test.csv: not found, expected a file in Kaggle's layout (as kaggle.zip has it, "
        f"expected the archive of {COMPETITION}; nothing was kept)",
        ("--zip", "kaggle.zip"),
    ),
]
