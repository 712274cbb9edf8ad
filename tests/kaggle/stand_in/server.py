"""A stand-in for Kaggle on loopback, to which its real client speaks without being patched.

The client takes `http://localhost` for Kaggle where KAGGLE_API_ENVIRONMENT is LOCALHOST, and goes
there through a proxy, which is this server. A request for any other host arrives here too: plain
ones are logged with their host, encrypted ones as CONNECT, and both are refused.
"""

import base64
import hashlib
import json
import re
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.kaggle.stand_in.services import METHODS, find_run
from tests.kaggle.stand_in.world import Fault, RefusalError, World, as_log

HERE = ("localhost", "127.0.0.1")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    world: World
    base: str

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in ({"Content_Type": "application/json"} | headers).items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status: int, message: str, **headers: str) -> None:
        body = json.dumps({"code": status, "message": message}).encode()
        self.answer(status, body, **headers)

    def cut(self) -> None:
        self.close_connection = True
        self.connection.shutdown(2)

    def arrive(self) -> str | None:
        """Log a request; its path, or None for another host."""
        address = urlsplit(self.path)
        elsewhere = address.hostname not in (None, *HERE)
        self.world.log.append((self.command, self.path if elsewhere else address.path))
        if elsewhere:
            self.refuse(502, "the stand-in stands for one host only")
            return None
        return address.path

    def do_CONNECT(self) -> None:
        self.world.log.append(("CONNECT", self.path))
        self.refuse(502, "the stand-in stands for one host only")

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.arrive()
        if path is None:
            return
        name = path.rsplit("/", 1)[-1]
        fault = self.world.next_fault(name)
        if fault and not fault.done:
            self.go_wrong(fault)
            return
        try:
            if name != "IntrospectToken" and not self.signed_in():
                raise RefusalError(401, "Unauthenticated")
            found = METHODS[name](self.world, json.loads(raw or b"{}"), self.base)
        except RefusalError as error:
            self.refuse(error.status, error.message)
            return
        if fault:
            self.go_wrong(fault)
        elif isinstance(found, str):
            self.answer(302, Location=found)
        else:
            self.answer(200, json.dumps(found).encode())

    def go_wrong(self, fault: Fault) -> None:
        if fault.silent:
            self.wait_for_the_end()
        elif fault.status:
            self.refuse(fault.status, fault.message, **fault.headers)
        else:
            self.cut()

    def wait_for_the_end(self) -> None:
        """Answer nothing until the client hangs up."""
        self.close_connection = True
        self.connection.settimeout(10)
        self.connection.recv(1)

    def signed_in(self) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind == "Bearer":
            return value == self.world.token and not self.world.token_expired
        return (
            kind == "Basic"
            and base64.b64decode(value).decode() == f"{self.world.username}:{self.world.key}"
        )

    def do_PUT(self) -> None:
        """Take a file, or the rest of one, or tell how much of it is there."""
        path = self.arrive()
        if path is None:
            return
        length = int(self.headers.get("Content-Length") or 0)
        blob = self.world.blobs.get(path.rsplit("/", 1)[-1])
        if blob is None:
            self.rfile.read(length)
            self.answer(404)
            return
        if blob.dropped:
            self.rfile.read(length)
            self.answer(410)
            return
        place = self.headers.get("Content-Range", "")
        if place.startswith("bytes */"):
            there = {"Range": f"bytes=0-{len(blob.data) - 1}"} if blob.data else {}
            self.answer(200 if blob.whole else 308, **there)
            return
        start = int(re.findall(r"\d+", place)[0]) if place else 0
        fault = self.world.next_fault("PUT") or self.world.next_fault(f"PUT {blob.name}")
        blob.data[start:] = self.receive(length // 2 if fault else length)
        if fault:
            self.world.log.append(("PUT", f"{path} half"))
            self.close_connection = True
            if fault.silent:
                self.wait_for_the_end()
            elif fault.status:
                self.answer(fault.status)
            else:
                self.cut()
        else:
            self.answer(200 if blob.whole else 308)

    def receive(self, length: int) -> bytes:
        """Read a body at the world's pace."""
        pieces: list[bytes] = []
        while length > 0:
            if self.world.pace:
                time.sleep(0.05)
            pieces.append(self.rfile.read(min(length, self.world.pace or length)))
            length -= len(pieces[-1])
        return b"".join(pieces)

    def do_GET(self) -> None:
        path = self.arrive()
        if path is None:
            return
        stream = re.fullmatch(r"/api/v1/kernels/logs/stream/([^/]+)/([^/]+)", path)
        if stream:
            self.stream_log(stream[1], stream[2])
            return
        kernel = re.fullmatch(r"/storage/kernel/(.+)/(\d+)/([^/]+)", path)
        archive = re.fullmatch(r"/storage/([^/]+)/archive\.zip", path)
        if kernel:
            run = self.world.kernels[kernel[1]][int(kernel[2])]
            data = run.output.files[kernel[3]] if run.output else b""
        elif archive:
            data = self.world.competitions[archive[1]].packed()
        else:
            self.refuse(404, "Not found")
            return
        self.send_data(data)

    do_HEAD = do_GET  # noqa: N815

    def stream_log(self, owner: str, slug: str) -> None:
        """Send a run's log as it grows, or all of it where it has ended."""
        label = parse_qs(urlsplit(self.path).query)["versionLabel"][0]
        body = {"userName": owner, "kernelSlug": slug, "versionLabel": label}
        try:
            if not self.signed_in():
                raise RefusalError(401, "Unauthenticated")
            run = find_run(self.world, body)
        except RefusalError as error:
            self.refuse(error.status, error.message)
            return
        if run.live is None or run.live.output is not None:
            log = run.output.log if run.output else "".join(run.live.log if run.live else [])
            self.answer(200, as_log(log).encode())
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        sent = 0
        while run.live.output is None or sent < len(run.live.log):
            for piece in run.live.log[sent:]:
                event = json.dumps({"stream_name": "stdout", "time": 1.0, "data": piece})
                self.wfile.write(f"data: {event}\n\n".encode())
                sent += 1
            fault = self.world.next_fault("stream")
            if fault:
                self.cut()
                return
            time.sleep(0.05)
        self.wfile.write(b"data: END_OF_LOG\n\n")

    def send_data(self, data: bytes) -> None:
        """Send a stored file, or what follows a given place in it."""
        tag = f'"{hashlib.sha256(data).hexdigest()[:16]}"'
        place = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        whole = place is None or self.headers.get("If-Range", tag) != tag
        start = 0 if whole or place is None else int(place[1])
        self.world.starts.append(start)
        self.send_response(200 if whole else 206)
        if not whole:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data) - start))
        self.send_header("Last-Modified", "Tue, 24 May 2022 00:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", tag)
        self.end_headers()
        fault = self.world.next_fault("GET")
        rest = data[start:]
        self.wfile.write(rest[: len(rest) // 2] if fault else rest)
        if fault:
            self.cut()


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    world: World

    def handle_error(self, request: object, client_address: object) -> None:
        """A client may hang up; anything else is a mistake of the stand-in's, which tests see."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.world.mistakes.append(repr(error))


@contextmanager
def serve(world: World) -> Iterator[str]:
    """Serve a world on a free port of loopback; gives the server's address."""

    class Bound(Handler):
        pass

    server = Server(("127.0.0.1", 0), Bound)
    server.world = world
    Bound.world, Bound.base = world, f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Bound.base
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def environment(address: str, home: Path) -> dict[str, str]:
    """What points the real client at the server, and keeps it out of the user's own folders."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), address)
    return proxies | {
        "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
        "no_proxy": "",
        "NO_PROXY": "",
        "HOME": str(home),
        "TMPDIR": str(home),
        "KAGGLE_CONFIG_DIR": str(home / ".kaggle"),
    }
