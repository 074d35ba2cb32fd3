"""The proxies as docs/ shows them, in front of a real server: sockets, bodies, names, cookies.

Only what the machine lacks is replaced: the certificate, and the two ports.
"""

import io
import json
import os
import re
import shutil
import socket as sockets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from PIL import Image
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.running import ROOT, RunningServer, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NAME = "studio.example.org"
TOKEN = "a-token-that-only-this-test-knows"
HEADERS = {"host": NAME, "authorization": f"Bearer {TOKEN}"}
MIB = 1 << 20


def nginx(folder: Path, port: int, behind: int) -> list[str]:
    shown = (ROOT / "docs/nginx.conf").read_text("utf-8")
    shown = re.sub(r"^ *ssl_.*\n", "", shown, flags=re.MULTILINE)
    shown = shown.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    shown = shown.replace("127.0.0.1:9292", f"127.0.0.1:{behind}")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"pid {folder}/pid;\nerror_log {folder}/error.log;\ndaemon off;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{paths}{shown}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(file), "-e", str(folder / "error.log")]


def caddy(folder: Path, port: int, behind: int) -> list[str]:
    shown = (ROOT / "docs/Caddyfile").read_text("utf-8")
    shown = shown.replace(f"{NAME} {{", f"http://{NAME}:{port} {{\n\tbind 127.0.0.1", 1)
    shown = shown.replace("127.0.0.1:9292", f"127.0.0.1:{behind}")
    file = folder / "Caddyfile"
    file.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{shown}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(file)]


KINDS = {"nginx": nginx, "caddy": caddy}


@contextmanager
def in_front(kind: str, folder: Path, behind: int) -> Iterator[str]:
    """Run a proxy in front of a port; give its address."""
    port = free_port()
    folder.mkdir()
    held = {"XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder), "HOME": str(folder)}
    with (folder / "said.log").open("wb") as said:
        process = subprocess.Popen(
            KINDS[kind](folder, port, behind),
            env={**os.environ, **held}, stdin=subprocess.DEVNULL, stdout=said, stderr=said,
        )  # fmt: skip
    try:
        address = f"127.0.0.1:{port}"
        wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Ask until the proxy answers, for half a minute at most."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        try:
            httpx.get(f"http://{address}/livez", headers=HEADERS, trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"the proxy does not answer: {process.poll()}")


@pytest.fixture(scope="module", params=sorted(KINDS))
def proxied(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    kind = request.param
    if shutil.which(kind) is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail(f"{kind} is not installed; .ci/run installs it")
        pytest.skip(f"{kind} is not installed")
    folder = tmp_path_factory.mktemp(kind)
    settings = {"fake_engine": "1", "token": TOKEN, "allowed_hosts": NAME}
    with RunningServer(folder / "data", **settings) as server:
        server.wait_for("/readyz", 60)
        with in_front(kind, folder / "proxy", server.port) as address:
            yield address


@pytest.fixture
def client(proxied: str) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=f"http://{proxied}", headers=HEADERS, timeout=60, trust_env=False
    ) as opened:
        yield opened


def test_the_name_of_the_proxy_is_let_in_and_no_other(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    stranger = client.get("/livez", headers={"host": "evil.example"})
    assert stranger.status_code == 403 or stranger.content == b""
    assert client.get("/api/v1/queue", headers={"authorization": ""}).status_code == 401


def test_a_page_of_the_proxy_may_change_things_and_a_foreign_one_not(client: httpx.Client) -> None:
    ours = client.post("/api/v1/ws-tickets", headers={"origin": f"https://{NAME}"})
    assert ours.status_code == 201
    foreign = client.post("/api/v1/ws-tickets", headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403


def test_a_picture_of_twenty_mebibytes_comes_through(client: httpx.Client) -> None:
    plain = Image.linear_gradient("L").resize((2700, 2700)).convert("RGB")
    data = io.BytesIO()
    plain.save(data, "png", compress_level=0)  # large on the wire, and read in no time
    assert 20 * MIB < data.tell() < 32 * MIB
    sent = client.post(
        "/api/v1/uploads", content=data.getvalue(), headers={"content-type": "image/png"}
    )
    assert sent.status_code == 201, sent.text
    file = client.get(sent.json()["url"])
    assert Image.open(io.BytesIO(file.content)).tobytes() == plain.tobytes()


@pytest.mark.parametrize("size", [33 * MIB, 70 * MIB])
def test_what_is_too_large_is_refused(client: httpx.Client, size: int) -> None:
    try:
        sent = client.post(
            "/api/v1/uploads", content=b"\x89PNG" * (size // 4),
            headers={"content-type": "image/png"},
        )  # fmt: skip
    except httpx.TransportError:  # refused so early that the rest could not be sent
        return
    assert sent.status_code in (413, 502)
    assert client.get("/livez").status_code == 200


def test_a_socket_shows_a_picture_being_drawn(proxied: str) -> None:
    port = proxied.rpartition(":")[2]
    with connect(
        f"ws://{NAME}:{port}/api/v1/ws?topics=jobs,previews",
        subprotocols=["heliograph.v1"],  # type: ignore[list-item]
        additional_headers={"authorization": HEADERS["authorization"]},
        origin=f"http://{NAME}:{port}",  # type: ignore[arg-type]
        sock=connection(proxied), proxy=None,
    ) as socket:  # fmt: skip
        hello = json.loads(socket.recv(timeout=10))
        assert hello["type"] == "hello"
        ask = {"id": 1, "do": "generate", "prompt": "a red fox", "steps": 8}
        socket.send(json.dumps(ask))
        kinds, previews = [], 0
        while "job.ended" not in kinds:
            message = socket.recv(timeout=20)
            if isinstance(message, bytes):
                previews += 1
            else:
                kinds.append(json.loads(message)["type"])
        assert {"reply", "job.queued", "job.started"} <= set(kinds)
        assert previews > 0


def test_a_socket_without_a_token_is_refused(proxied: str) -> None:
    port = proxied.rpartition(":")[2]
    with pytest.raises(InvalidStatus, match="401"):
        connect(f"ws://{NAME}:{port}/api/v1/ws", sock=connection(proxied), proxy=None)


def test_the_cookie_of_a_browser_goes_by_tls_alone(client: httpx.Client) -> None:
    signed = client.post("/api/v1/session", json={"token": TOKEN})
    assert signed.status_code == 200
    cookie = signed.headers["set-cookie"].lower()
    assert "secure" in cookie
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "set-cookie" not in client.get("/livez").headers


def connection(address: str) -> sockets.socket:
    host, _, port = address.partition(":")
    return sockets.create_connection((host, int(port)), timeout=10)
