"""A stand-in for the Hugging Face Hub on loopback: the few routes that its client asks for."""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote


@dataclass(frozen=True)
class Repository:
    """Files by commit, commits by branch, tag or pull request; an error code for downloads."""

    commits: Mapping[str, Mapping[str, bytes]]
    revisions: Mapping[str, str]
    refusal: tuple[int, str] | None = None


@dataclass
class Hub:
    """Repositories by id, and the paths that were asked for."""

    repositories: Mapping[str, Repository]
    endpoint: str = ""
    asked: list[str] = field(default_factory=list)


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Keep the tests' output clean."""

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def refuse(self, status: int, code: str) -> None:
            self.answer(status, b"{}", X_Error_Code=code, X_Error_Message=code)

        def do_GET(self) -> None:
            path = unquote(self.path.split("?")[0]).strip("/")
            hub.asked.append(f"{self.command} {path}")
            if path.startswith("api/models/") and path.endswith("/refs"):
                self.references(path.removeprefix("api/models/").removesuffix("/refs"))
            elif path.startswith("api/models/"):
                name, _, revision = path.removeprefix("api/models/").partition("/revision/")
                self.describe(name, revision or "main")
            elif path.startswith("lfs/"):
                name, _, rest = path.removeprefix("lfs/").partition("/at/")
                self.file(name, *rest.split("/", 1))
            else:
                name, _, rest = path.partition("/resolve/")
                self.resolve(name, *rest.split("/", 1))

        do_HEAD = do_GET  # noqa: N815

        def describe(self, name: str, revision: str) -> None:
            if name not in hub.repositories:
                return self.refuse(404, "RepoNotFound")
            repository = hub.repositories[name]
            commit = repository.revisions.get(revision, revision)
            if commit not in repository.commits:
                return self.refuse(404, "RevisionNotFound")
            files = [{"rfilename": file} for file in repository.commits[commit]]
            body = {"id": name, "modelId": name, "sha": commit, "siblings": files}
            return self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

        def references(self, name: str) -> None:
            """Branches and tags alike; pull requests only where they are asked for."""
            refs = [
                {"name": ref, "ref": ref, "targetCommit": commit}
                for ref, commit in hub.repositories[name].revisions.items()
            ]
            pulls = [one for one in refs if one["ref"].startswith("refs/pr/")]
            body = {
                "branches": [one for one in refs if one not in pulls],
                "tags": [],
                "converts": [],
            }
            body |= {"pullRequests": pulls} if "include_prs" in self.path else {}
            self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

        def resolve(self, name: str, commit: str, file: str) -> None:
            """Small files as they are; large ones by a redirect, as the Hub does with LFS."""
            repository = hub.repositories[name]
            if repository.refusal:
                return self.refuse(*repository.refusal)
            if not file.endswith(".safetensors"):
                return self.file(name, commit, file)
            body = repository.commits[commit][file]
            return self.answer(
                302,
                b"",
                Location=f"{hub.endpoint}/lfs/{name}/at/{commit}/{file}",
                X_Repo_Commit=commit,
                X_Linked_Etag=f'"{hashlib.sha256(body).hexdigest()}"',
                X_Linked_Size=str(len(body)),
            )

        def file(self, name: str, commit: str, file: str) -> None:
            body = hub.repositories[name].commits[commit][file]
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            self.answer(200, body, ETag=etag, X_Repo_Commit=commit)

    return Handler


@contextmanager
def serve(repositories: Mapping[str, Repository]) -> Iterator[Hub]:
    """Serve repositories on a free port of loopback while the block runs."""
    hub = Hub(repositories)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
