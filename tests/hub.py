"""A model hub on this machine, for tests and for anybody: ``python -m tests.hub FOLDER``.

Speaks what ``huggingface_hub`` asks for, over real sockets: a repository's files at a commit, a
file's head and body, the redirect to another port where the bytes lie, ranges and validators. Its
files can be slow, cut off, endless or lies.
"""

import contextlib
import hashlib
import json
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

CHUNK = 16 * 1024
COMMIT = "c0ffee" + "0" * 34
_API = re.compile(r"/api/models/([\w.-]+/[\w.-]+)(?:/revision/(.+))?")
_RESOLVE = re.compile(r"/([\w.-]+/[\w.-]+)/resolve/([\w.-]+)/(.+)")


@dataclass
class Served:
    """A file, and what is wrong with it."""

    content: bytes
    lfs: bool = True
    says_bytes: int | None = None  # in place of its size
    says_sha256: str | None = None
    stops: list[int] = field(default_factory=list)  # of each answer in turn: bytes, then it breaks
    holds: int | None = None  # after so many bytes, until ``release``
    endless: bool = False
    etags: bool = True
    ranges: bool = True
    name: str | None = None  # Content-Disposition
    token: str | None = None  # without it: 401
    status: int = 200
    release: threading.Event = field(default_factory=threading.Event)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def git(self) -> str:
        head = b"blob %d\0" % len(self.content)
        return hashlib.sha1(head + self.content, usedforsecurity=False).hexdigest()


@dataclass
class Repo:
    """A repository."""

    files: dict[str, Served]
    commit: str = COMMIT
    private: bool = False
    gated: bool = False
    tokens: set[str] = field(default_factory=set)  # that may read it

    def shows(self, token: str) -> bool:
        return token in self.tokens or not (self.private or self.gated)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    port: str  # "hub" or "cdn"
    method: str
    path: str
    headers: dict[str, str]  # names in lower case


class Hub:
    """The hub and the place where its large files lie, each on a port of its own."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.files: dict[str, Served] = {}  # by path, on the second port
        self.hops: dict[str, str] = {}  # path on either port → where it sends one
        self.asked: list[Asked] = []
        self._servers = {name: _Server(self, name) for name in ("hub", "cdn")}

    def __enter__(self) -> "Hub":
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        for served in self.everything():
            served.release.set()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._servers['hub'].server_port}"

    @property
    def cdn(self) -> str:
        return f"http://127.0.0.1:{self._servers['cdn'].server_port}"

    def everything(self) -> Iterator[Served]:
        yield from self.files.values()
        for repo in self.repos.values():
            yield from repo.files.values()

    def put(self, path: str, content: bytes, **said: Any) -> Served:
        """Offer a file at an address of the second port."""
        self.files[path] = served = Served(content, **said)
        return served

    def ranges(self, part: str = "") -> list[str | None]:
        """List the ranges in which bytes were asked for, in order; None for a whole file."""
        return [
            one.headers.get("range")
            for one in self.asked
            if one.port == "cdn" and one.method == "GET" and part in one.path
        ]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, hub: Hub, name: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub, self.name = hub, name

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients that leave are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        hub = self.server.hub
        headers = {name.lower(): value for name, value in self.headers.items()}
        hub.asked.append(Asked(self.server.name, self.command, self.path, headers))
        path = unquote(urlsplit(self.path).path)
        if (target := hub.hops.get(path)) is not None:
            self._send(302, b"", {"Location": target})
        elif self.server.name == "cdn":
            self._cdn(hub, path)
        elif match := _API.fullmatch(path):
            self._info(hub, match[1], match[2])
        elif match := _RESOLVE.fullmatch(path):
            self._resolve(hub, match[1], match[2], match[3])
        else:
            self._refuse(404, "RepoNotFound")

    def _info(self, hub: Hub, name: str, revision: str | None) -> None:
        repo = hub.repos.get(name)
        if repo is None or (repo.private and not repo.shows(self._token())):
            self._refuse(404 if self._token() else 401, "RepoNotFound")
            return
        if revision not in (None, "main", repo.commit):
            self._refuse(404, "RevisionNotFound")
            return
        siblings = [_sibling(file, served) for file, served in repo.files.items()]
        told = {
            "id": name, "modelId": name, "sha": repo.commit, "siblings": siblings, "tags": [],
            "private": repo.private, "gated": "manual" if repo.gated else False,
        }  # fmt: skip
        self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def _resolve(self, hub: Hub, name: str, revision: str, file: str) -> None:
        repo = hub.repos.get(name)
        if repo is None or revision not in (repo.commit, "main"):
            self._refuse(404, "RepoNotFound" if repo is None else "RevisionNotFound")
        elif not repo.shows(self._token()):
            self._refuse(403 if self._token() else 401, "GatedRepo" if repo.gated else "")
        elif file not in repo.files:
            self._refuse(404, "EntryNotFound")
        elif (served := repo.files[file]).lfs:
            place = f"{hub.cdn}/blobs/{name}/{quote(file)}?X-Amz-Signature=once"
            self._send(302, b"", {
                "Location": place, "X-Repo-Commit": repo.commit,
                "X-Linked-Size": str(len(served.content)), "X-Linked-Etag": f'"{served.sha256}"',
            })  # fmt: skip
        else:
            extra = {"X-Repo-Commit": repo.commit, "ETag": f'"{served.git}"'}
            self._send(served.status, served.content, extra)

    def _cdn(self, hub: Hub, path: str) -> None:
        parts = path.removeprefix("/blobs/").split("/", 2)
        repo = hub.repos.get("/".join(parts[:2])) if path.startswith("/blobs/") else None
        served = hub.files.get(path) if repo is None else repo.files.get(parts[2])
        if served is None:
            self._refuse(404, "")
        elif served.token is not None and served.token not in (self._token(), self._query()):
            self._refuse(401, "")
        else:
            self._serve(served)

    def _serve(self, served: Served) -> None:
        content, headers = served.content, {"Accept-Ranges": "bytes"}
        etag = f'"{served.sha256}"'
        if served.etags:
            headers["ETag"] = etag
        if served.name is not None:
            headers["Content-Disposition"] = served.name
        begin, status = 0, served.status
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range", etag) == etag
        if asked and same and served.ranges and status == 200:
            begin = int(asked[1])
            if begin >= len(content):
                self._send(416, b"", {"Content-Range": f"bytes */{len(content)}"})
                return
            status = 206
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
        if served.endless:
            headers["Connection"] = "close"
        else:
            headers["Content-Length"] = str(len(content) - begin)
        self._head(status, headers)
        if self.command == "GET":
            stop = served.stops.pop(0) if served.stops else None
            self._pour(served, begin, stop)

    def _pour(self, served: Served, begin: int, stop: int | None) -> None:
        place, end = begin, len(served.content) if stop is None else begin + stop
        while place < end or served.endless:
            if served.holds is not None and place >= served.holds:
                served.release.wait(30)
            limit = place + CHUNK if served.endless else min(place + CHUNK, end)
            if served.holds is not None and place < served.holds:
                limit = min(limit, served.holds)
            piece = served.content[place:limit]
            self.wfile.write(piece if piece or not served.endless else bytes(CHUNK))
            place = limit
        self.wfile.flush()
        self.close_connection = True

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _query(self) -> str | None:
        return parse_qs(urlsplit(self.path).query).get("token", [None])[0]

    def _refuse(self, status: int, code: str) -> None:
        self._send(status, b"{}", {"X-Error-Code": code} if code else {})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self._head(status, {**headers, "Content-Length": str(len(body))})
        if self.command == "GET":
            self.wfile.write(body)

    def _head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()


def _sibling(file: str, served: Served) -> dict[str, Any]:
    size = len(served.content) if served.says_bytes is None else served.says_bytes
    told: dict[str, Any] = {"rfilename": file, "size": size, "blobId": served.git}
    if served.lfs:
        sha256 = served.says_sha256 or served.sha256
        told["lfs"] = {"size": size, "sha256": sha256, "pointerSize": 134}
    return told


def repo_of(folder: Path) -> Repo:
    """Make a repository of a folder; weights are large files, as they are at a hub."""
    files = {
        path.relative_to(folder).as_posix(): Served(
            path.read_bytes(), lfs=path.suffix in (".safetensors", ".bin", ".ckpt", ".gguf")
        )
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return Repo(files)


if __name__ == "__main__":
    with Hub() as opened, contextlib.suppress(KeyboardInterrupt):
        for one in sorted(Path(sys.argv[1]).iterdir()):
            opened.repos[f"local/{one.name}"] = repo_of(one)
        sys.stdout.write(f"HELIOGRAPH_HF_ENDPOINT={opened.url}\n{sorted(opened.repos)}\n")
        sys.stdout.flush()
        threading.Event().wait()
