"""What the stand-in for Kaggle remembers; tests look at it and change it."""

import csv
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

Body = dict[str, Any]


class RefusalError(Exception):
    """An answer with an error's status and Kaggle's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass
class Fault:
    """Calls that go wrong: a status and words, a connection that is cut, or one that is silent.

    `done` says whether the service has acted before, so that only its answer is lost.
    """

    times: int
    status: int = 0
    message: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    done: bool = False
    silent: bool = False


@dataclass
class Competition:
    """A competition's files, and how it takes part."""

    files: dict[str, bytes]
    rules_accepted: bool = True
    takes_files: bool = False
    archive: bytes | None = None  # what a download gives; of the files, where it is None

    def packed(self) -> bytes:
        if self.archive is None:
            stream = io.BytesIO()
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packing:
                for name, data in sorted(self.files.items()):
                    packing.writestr(zipfile.ZipInfo(name, (2022, 5, 24, 0, 0, 0)), data)
            self.archive = stream.getvalue()
        return self.archive


@dataclass
class Blob:
    """A file on its way."""

    name: str
    size: int
    data: bytearray = field(default_factory=bytearray)
    dropped: bool = False  # by the storage, with what it had of it

    @property
    def whole(self) -> bool:
        return len(self.data) == self.size


@dataclass
class Dataset:
    """Versions of files by name."""

    title: str
    private: bool
    versions: list[dict[str, bytes]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    looks: int = 0


@dataclass
class Output:
    """What a kernel's run left."""

    files: dict[str, bytes]
    log: str = "wrote submission.csv\n"


class Live(Protocol):
    """A run that goes on while it is looked at."""

    log: list[str]  # pieces, in order

    @property
    def output(self) -> Output | None:
        """What it left; None while it runs."""
        ...

    @property
    def status(self) -> str:
        """As the service has it."""
        ...


@dataclass
class Run:
    """One version of a kernel: what was pushed, and its run."""

    request: Body
    looks: int = 0
    output: Output | None = None
    live: Live | None = None


@dataclass
class Submission:
    """One submission, how often it was looked at, and how many lists come without it yet."""

    ref: int
    competition: str
    description: str
    file: str
    kernel: str = ""
    unlisted: int = 0
    looks: int = 0


class World:
    """One account, its competitions and all that it has made."""

    def __init__(self) -> None:
        self.username, self.key, self.token = "alice", "secret-key", "KGAT_secret-token"
        self.token_expired = False
        self.competitions: dict[str, Competition] = {}
        self.datasets: dict[str, Dataset] = {}
        self.kernels: dict[str, list[Run]] = {}
        self.submissions: list[Submission] = []
        self.blobs: dict[str, Blob] = {}
        self.faults: dict[str, Fault] = {}
        self.mistakes: list[str] = []  # of the stand-in's own
        self.log: list[tuple[str, str]] = []  # method and path, in order
        self.pace = 0  # bytes of an upload in each twentieth of a second; 0: as they come
        self.starts: list[int] = []  # where in a stored file each download began
        self.looks_until_done = 1
        self.never_done: set[str] = set()  # "dataset", "kernel", "submission"
        self.list_lag = 0  # lists of submissions that a new one is not in yet
        self.lists_versions = True  # of a dataset, with their notes
        self.dataset_status = "READY"
        self.dataset_error = ""
        self.kernel_status, self.kernel_failure, self.kernel_error = "COMPLETE", "", ""
        self.sessions_taken = 0  # pushes that find no session free
        self.unsubmittable: set[int] = set()  # versions of kernels that have run and aren't found
        self.submission_error = ""
        self.submissions_left = 5
        self.public, self.private = "0.5801", "0.5766"
        self.forecast: Body = {  # of a kernel's run, for the hidden test
            "essays": 3000,
            "folds": {"large": 2, "tiny": 2},
            "before": 60.0,
            "seconds": 600.0,
            "limit": 32400.0,
            "done": {"large": 2, "tiny": 2},
        }
        self.start_kernel: Callable[[World, Body], Live] | None = None  # in place of run_kernel
        self.run_kernel: Callable[[World, Body], Output] = uniform
        self.numbers = itertools.count(1000)

    def calls(self, method: str) -> int:
        """How often a method of a service was called."""
        return sum(path.endswith(f"/{method}") for _, path in self.log)

    def fail(
        self, method: str, status: int, message: str = "", times: int = 1, **more: Any
    ) -> None:
        """Let the next calls of a method go wrong; status 0 cuts the connection."""
        self.faults[method] = Fault(times, status, message or "Server trouble", **more)

    def next_fault(self, method: str) -> Fault | None:
        fault = self.faults.get(method)
        if fault is None or not fault.times:
            return None
        fault.times -= 1
        return fault


def uniform(world: World, request: Body, first: float = 0.25) -> Output:
    """A kernel's output: the same for every element of the competition's visible sample."""
    name = request["competitionDataSources"][0]
    text = world.competitions[name].files["sample_submission.csv"].decode()
    head, *rows = csv.reader(io.StringIO(text))
    lines = [",".join(head), *(f"{row[0]},{first},0.5,{0.5 - first}" for row in rows)]
    files = {
        "submission.csv": ("\n".join(lines) + "\n").encode(),
        "inference.json": json.dumps({"forecast": world.forecast}).encode(),
    }
    return Output(files, said(world, request))


def distinct(world: World, request: Body) -> Output:
    """An output that depends on the dataset's files, the manifest aside."""
    files = world.datasets[request["datasetDataSources"][0]].versions[-1]
    data = b"".join(files[name] for name in sorted(files) if name != "manifest.json")
    return uniform(world, request, hashlib.sha256(data).digest()[0] / 512)


def said(world: World, request: Body) -> str:
    """What the project's script says of the bundle and of the devices that it finds."""
    dataset = world.datasets[request["datasetDataSources"][0]]
    digest = hashlib.sha256(dataset.versions[-1]["manifest.json"]).hexdigest()
    devices = "2 gpu" if request.get("enableGpu") else "1 cpu"
    return f"manifest sha256 {digest}\non {devices} device(s), float32\nwrote submission.csv\n"


def unpacked(files: dict[str, bytes]) -> dict[str, bytes]:
    """A dataset's files as Kaggle mounts them: archives become folders of their names."""
    found: dict[str, bytes] = {}
    for name, data in files.items():
        if name.endswith(".zip"):
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                inside = archive.namelist()
                found |= {f"{name[:-4]}/{one}": archive.read(one) for one in inside}
        else:
            found[name] = data
    return found


def as_log(text: str) -> str:
    """A kernel's log as Kaggle keeps it."""
    return json.dumps(
        [{"stream_name": "stdout", "time": 1.0, "data": line} for line in text.splitlines(True)]
    )
