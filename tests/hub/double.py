"""A hub of our own on a real socket: the documented HTTP of the Hugging Face Hub, as far as a download uses it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" + "0" * 34


@dataclass
class Repository:
    """What the hub has of one name."""

    files: dict[str, bytes]
    lies_about: dict[str, bytes] = field(default_factory=dict)
    """Sent in place of the files of these names; the hashes stay those of the true ones."""
    is_gated: bool = False


@dataclass
class HubDouble:
    """Repositories by name, and what was asked of them."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    knows_ranges: bool = True
    cut_after_bytes: int | None = None
    """Each answer with a file ends after so many bytes, and the connection with it; None never."""
    asked_from: list[int] = field(default_factory=list)
    """The first byte that each request for a file wanted."""
    tokens: set[str] = field(default_factory=set)
    """Tokens that were shown, by the host they were shown to: "hub …", "store …"."""
    url: str = ""

    def answer_api(self, path: str) -> tuple[int, dict[str, str], bytes]:
        name = re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/[^/]+)?", path)
        repository = self.repositories.get(name[1]) if name else None
        if name is None or repository is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b'{"error":"Repository not found"}'
        if repository.is_gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b'{"error":"Access to this model is restricted"}'
        siblings = [_sibling(file, content) for file, content in repository.files.items()]
        return 200, {}, json.dumps({"id": name[1], "sha": COMMIT, "siblings": siblings}).encode()

    def content(self, path: str) -> bytes | None:
        named = re.fullmatch(r"/(?:store/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if named is None or named[2] != COMMIT or named[1] not in self.repositories:
            return None
        repository = self.repositories[named[1]]
        return repository.lies_about.get(named[3], repository.files.get(named[3]))


def _sibling(name: str, content: bytes) -> dict[str, object]:
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    told: dict[str, object] = {"rfilename": name, "size": len(content), "blobId": blob}
    if len(content) > 1000:  # small files are not in large-file storage
        told["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
    return told


@contextmanager
def running(hub: HubDouble) -> Iterator[HubDouble]:
    """Serve it on a free port for the length of the block."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path, token = self.path.partition("?")[0], self.headers.get("Authorization", "")
            if token:
                hub.tokens.add(token)
            if path.startswith("/api/"):
                self._send(*hub.answer_api(path))
            elif hub.content(path) is None:
                self._send(404, {"X-Error-Code": "EntryNotFound"}, b"")
            elif not path.startswith("/store/"):  # as the real one: the files lie elsewhere
                self._send(302, {"Location": f"/store{path}"}, b"")
            else:
                self._send_file(hub.content(path) or b"")

        def _send_file(self, content: bytes) -> None:
            ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(ranged[1]) if ranged else 0
            hub.asked_from.append(start)
            headers = {"ETag": '"x"', "Accept-Ranges": "bytes"}
            if ranged and hub.knows_ranges:
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._send(206, headers, content[start:])
            else:
                self._send(200, headers, content)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if hub.cut_after_bytes is not None and self.path.startswith("/store/"):
                self.wfile.write(body[: hub.cut_after_bytes])
                self.close_connection = True
                self.connection.close()
            else:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the name of the base class)
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="hub double")
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
