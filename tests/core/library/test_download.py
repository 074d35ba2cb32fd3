"""Downloads over real sockets: resumed, verified, bounded, stopped, no pickle. P65, P70–P73."""

import hashlib
import json
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import failpoint
from core.errors import DiskFull, Forbidden, HeliographError, Invalid, TooLarge, Unreachable
from core.library import transport
from core.library.addresses import Guard
from core.library.download import Download, Fetched, Learned, Limits, Wanted
from core.library.stopping import Stop, Stopped
from tests.hub import Hub, Served

HERE = Guard(["127.0.0.1"])


def weights(size: int = 300_000, seed: int = 0) -> bytes:
    """Make a safetensors file of one tensor of about so many bytes."""
    data = hashlib.shake_128(bytes([seed])).digest(size)
    head = {"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        yield opened


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


class Fetching:
    """One download of a file of the hub's second port, and what was learned of it."""

    def __init__(self, hub: Hub, folder: Path, path: str = "/a", **wanted: Any) -> None:
        self.part = folder / "in" / "part"
        self.learned: list[Learned] = []
        self.stop = Stop()
        most = wanted.pop("most", 1 << 30)
        floor = wanted.pop("floor", 0)
        guard = wanted.pop("guard", HERE)
        self.download = Download(
            Wanted(url=wanted.pop("url", hub.cdn + path), part=self.part, **wanted),
            guard, self.stop, Limits(most=most, floor=floor, pauses=(0, 0)), self.learned.append,
        )  # fmt: skip

    def run(self) -> Fetched:
        return self.download.fetch()

    def refused(self, kind: type[HeliographError]) -> str:
        with pytest.raises(kind) as error:
            self.run()
        return error.value.name


def test_a_file_comes_whole_with_its_hash(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, bytes=len(served.content), sha256=served.sha256)
    assert fetching.run() == Fetched(bytes=len(served.content), sha256=served.sha256)
    assert fetching.part.read_bytes() == served.content
    (learned,) = fetching.learned
    assert learned == Learned(bytes=len(served.content), etag=f'"{served.sha256}"', name="a")
    assert hub.ranges() == [None]


def test_what_breaks_off_goes_on_from_the_byte_where_it_was(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights(), stops=[100_000, 0, 50_000])
    fetching = Fetching(hub, tmp_path)
    assert fetching.run().sha256 == served.sha256
    assert hub.ranges() == [None, "bytes=100000-", "bytes=100000-", "bytes=150000-"]
    assert hub.asked[-1].headers["if-range"] == f'"{served.sha256}"'


def test_what_lies_there_is_gone_on_with_and_hashed_again(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, etag=f'"{served.sha256}"')
    fetching.part.parent.mkdir()
    fetching.part.write_bytes(served.content[:1234])
    assert fetching.run().sha256 == served.sha256
    assert hub.ranges() == ["bytes=1234-"]


def test_a_whole_part_is_not_fetched_again(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights())
    known = {"bytes": len(served.content), "sha256": served.sha256}
    for wanted in (known, {"etag": f'"{served.sha256}"'}):
        fetching = Fetching(hub, tmp_path, **wanted)
        fetching.part.parent.mkdir(exist_ok=True)
        fetching.part.write_bytes(served.content)
        assert fetching.run().sha256 == served.sha256
    assert hub.ranges() == [f"bytes={len(served.content)}-"]  # only without a size


def test_a_file_that_changed_meanwhile_is_begun_anew(hub: Hub, tmp_path: Path) -> None:
    old, new = weights(seed=1), weights(seed=2)
    served = hub.put("/a", new)
    fetching = Fetching(hub, tmp_path, etag=f'"{hashlib.sha256(old).hexdigest()}"')
    fetching.part.parent.mkdir()
    fetching.part.write_bytes(old[:5000])
    assert fetching.run().sha256 == served.sha256
    assert fetching.part.read_bytes() == new


def test_a_server_that_joins_two_files_is_found_out_by_the_hash(hub: Hub, tmp_path: Path) -> None:
    old, new = weights(seed=1), weights(seed=2)
    served = hub.put("/a", new, etags=False)
    fetching = Fetching(hub, tmp_path, sha256=served.sha256)
    fetching.part.parent.mkdir()
    fetching.part.write_bytes(old[:5000])
    assert fetching.run().sha256 == served.sha256
    assert hub.ranges() == ["bytes=5000-", None]


def test_a_server_without_ranges_begins_anew(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights(), ranges=False, stops=[70_000])
    assert Fetching(hub, tmp_path).run().sha256 == served.sha256
    assert hub.ranges() == [None, "bytes=70000-"]


def test_without_a_validator_and_a_hash_nothing_is_trusted(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path)
    fetching.part.parent.mkdir()
    fetching.part.write_bytes(served.content[:1234])
    fetching.run()
    assert hub.ranges() == [None]


def test_a_file_that_is_always_cut_off_ends_in_a_problem(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights(), stops=[1000, 0, 0, 0, 0, 0])
    fetching = Fetching(hub, tmp_path)
    assert fetching.refused(Unreachable) == "host_unreachable"
    assert fetching.part.stat().st_size == 1000  # for the next time
    assert len(hub.ranges()) == 4


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"PK\x03\x04" + bytes(50_000), HeliographError, "model_format_unsafe"),
        (b"\x80\x02}q\x00X\x05" + bytes(50_000), HeliographError, "model_format_unsafe"),
        (b"\x80\x04\x95" + bytes(50_000), HeliographError, "model_format_unsafe"),
        (b"<!doctype html><html>" + bytes(500), Invalid, "safetensors_invalid"),
    ],
)
def test_what_is_no_weights_is_refused_after_its_first_bytes(
    hub: Hub, tmp_path: Path, content: bytes, kind: type[HeliographError], code: str
) -> None:
    hub.put("/model.safetensors", content, endless=True)
    fetching = Fetching(hub, tmp_path, "/model.safetensors")
    assert fetching.refused(kind) == code
    assert not fetching.part.exists()


def test_a_wrong_hash_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, sha256="0" * 64)
    assert fetching.refused(Invalid) == "download_corrupt"
    assert not fetching.part.exists()
    assert hub.ranges() == [None]


def test_a_wrong_hash_of_git_leaves_nothing(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/config.json", b'{"a": 1}')
    good = Fetching(hub, tmp_path, "/config.json", git=served.git, weights=False)
    assert good.run().bytes == 8
    bad = Fetching(hub, tmp_path / "b", "/config.json", git="0" * 40, weights=False)
    assert bad.refused(Invalid) == "download_corrupt"
    assert not bad.part.exists()


@pytest.mark.parametrize("promised", [10, 10_000_000])
def test_another_size_than_promised_is_refused(hub: Hub, tmp_path: Path, promised: int) -> None:
    hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, bytes=promised)
    assert fetching.refused(Invalid) == "download_corrupt"


def test_an_endless_file_stops_at_the_cap(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights(), endless=True)
    fetching = Fetching(hub, tmp_path, most=1 << 20)
    assert fetching.refused(TooLarge) == "install_too_large"
    assert fetching.part.stat().st_size <= 1 << 20


def test_a_file_over_the_cap_is_refused_before_its_first_byte(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, most=1000)
    assert fetching.refused(TooLarge) == "install_too_large"
    assert fetching.part.stat().st_size == 0


def test_a_disk_below_its_floor_is_not_written_to(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path, floor=1 << 60)
    assert fetching.refused(DiskFull) == "disk_full"
    assert fetching.part.stat().st_size == 0


def test_a_disk_that_gets_full_is_told_and_keeps_what_came(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights(), stops=[100_000])
    failpoint.arm("install.write=enospc@3")
    fetching = Fetching(hub, tmp_path)
    assert fetching.refused(DiskFull) == "disk_full"
    failpoint.arm("")
    again = Fetching(hub, tmp_path, etag=f'"{served.sha256}"')
    assert again.run().sha256 == served.sha256


def test_a_pause_ends_a_download_that_waits_for_bytes(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/a", weights(), holds=120_000)
    fetching = Fetching(hub, tmp_path)
    reasons: list[str] = []

    def run() -> None:
        try:
            fetching.run()
        except Stopped as stopped:
            reasons.append(stopped.reason)

    thread = threading.Thread(target=run)
    thread.start()
    while fetching.download.bytes < 120_000:
        assert thread.is_alive()
    fetching.stop.ask("paused")
    thread.join(5)
    assert (thread.is_alive(), reasons) == (False, ["paused"])
    assert fetching.part.stat().st_size == 120_000
    served.holds = None
    again = Fetching(hub, tmp_path, etag=f'"{served.sha256}"')
    assert again.run().sha256 == served.sha256
    assert hub.ranges() == [None, "bytes=120000-"]


def test_a_cancel_outranks_a_pause_and_a_stopped_one_asks_nobody(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights())
    fetching = Fetching(hub, tmp_path)
    fetching.stop.ask("paused")
    fetching.stop.ask("canceled")
    fetching.stop.ask("paused")
    with pytest.raises(Stopped) as stopped:
        fetching.run()
    assert stopped.value.reason == "canceled"
    assert hub.asked == []


def test_a_silent_server_is_given_up(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "STALL", 0.2)
    hub.put("/a", weights(), holds=1000)
    fetching = Fetching(hub, tmp_path)
    assert fetching.refused(Unreachable) == "download_stalled"


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: bytes
) -> None:
    """A byte now and then is no pace, in the head and in the body."""
    monkeypatch.setattr(transport, "STALL", 0.4)
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        while not over.is_set():
            try:
                opened, _ = listener.accept()
            except OSError:
                return
            with opened:
                opened.recv(4096)
                opened.sendall(said)
                while not over.wait(0.02):
                    try:
                        opened.sendall(b"x")
                    except OSError:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        wanted = Wanted(url=url, part=tmp_path / "p", weights=False)
        download = Download(wanted, HERE, Stop(), Limits(most=1 << 20, pauses=()))
        with pytest.raises(Unreachable) as given_up:
            download.fetch()
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    assert given_up.value.name == "download_stalled"


def test_credentials_stay_with_their_origin(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", weights())
    hub.hops = {"/first": "/second", "/second": f"{hub.url}/x/y/resolve/main/f"}
    fetching = Fetching(hub, tmp_path, "/first", headers={"Authorization": "Bearer s3cret"})
    with pytest.raises(HeliographError):
        fetching.run()
    sent = [(one.path, "authorization" in one.headers) for one in hub.asked]
    assert sent == [("/first", True), ("/second", True), ("/x/y/resolve/main/f", False)]


def test_five_redirects_are_followed_and_no_more(hub: Hub, tmp_path: Path) -> None:
    served = hub.put("/end", weights())
    hub.hops = {f"/{n}": f"/{n + 1}" for n in range(5)} | {"/5": "/end"}
    assert Fetching(hub, tmp_path, "/1").run().sha256 == served.sha256
    assert Fetching(hub, tmp_path / "b", "/0").refused(HeliographError) == "too_many_redirects"


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("http://127.0.0.2:1/", "url_not_public"),
        ("http://localhost:1/", "url_not_public"),
        ("http://169.254.169.254/latest/meta-data", "url_not_public"),
        ("http://0x7f.2/", "url_not_public"),
        ("http://[::1]:1/", "url_not_public"),
        ("http://[::ffff:10.0.0.1]/", "url_not_public"),
        ("file:///etc/passwd", "url_scheme"),
        ("http://user:pass@127.0.0.1/", "url_scheme"),
    ],
)
def test_a_redirect_is_guarded_as_the_first_address_is(
    hub: Hub, tmp_path: Path, target: str, code: str
) -> None:
    hub.hops = {"/a": target}
    fetching = Fetching(hub, tmp_path)
    assert fetching.refused(HeliographError) == code


def test_a_name_that_is_rebound_is_judged_by_the_address_it_has(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name server says a public address first and a private one later."""
    real = socket.getaddrinfo
    port = int(hub.cdn.rpartition(":")[2])
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]
    said = [public, real("127.0.0.1", port, type=socket.SOCK_STREAM)]

    def rebinding(host: str, *args: Any, **kwargs: Any) -> Any:
        return said.pop(0) if host == "rebind.example" else real(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    said.pop(0)
    url = f"http://rebind.example:{port}/a"
    assert Fetching(hub, tmp_path, url=url).refused(Forbidden) == "url_not_public"
    assert hub.asked == []


def test_a_socket_that_ends_up_elsewhere_is_closed_before_a_byte_is_sent(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A public address that the network leads to this machine."""
    port = int(hub.cdn.rpartition(":")[2])
    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]
    connect = socket.socket.connect
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: public)
    monkeypatch.setattr(
        socket.socket, "connect", lambda self, place: connect(self, ("127.0.0.1", place[1]))
    )
    url = f"http://public.example:{port}/a"
    assert Fetching(hub, tmp_path, url=url).refused(Forbidden) == "url_not_public"
    assert hub.asked == []


def test_proxies_of_the_environment_are_not_asked(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = hub.put("/a", weights())
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert Fetching(hub, tmp_path).run().sha256 == served.sha256


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refusal_is_told_with_its_status(hub: Hub, tmp_path: Path, status: int) -> None:
    hub.put("/a", b"no", status=status)
    with pytest.raises(HeliographError) as refused:
        Fetching(hub, tmp_path).run()
    assert (refused.value.name, refused.value.params["status"]) == ("download_refused", status)
    assert len(hub.asked) == 1


def test_a_server_in_trouble_is_asked_again(hub: Hub, tmp_path: Path) -> None:
    hub.put("/a", b"no", status=503)
    assert Fetching(hub, tmp_path).refused(Unreachable) == "host_unreachable"
    assert len(hub.asked) == 3


def test_the_name_a_server_gives_is_handed_on(hub: Hub, tmp_path: Path) -> None:
    name = "attachment; filename*=UTF-8''..%2F..%2Fe%CC%81vil.safetensors"
    hub.put("/api/download/7", weights(), name=name)
    fetching = Fetching(hub, tmp_path, "/api/download/7")
    fetching.run()
    assert fetching.learned[0].name == "../../e\u0301vil.safetensors"


def test_nobody_at_the_other_end_is_told(hub: Hub, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    fetching = Fetching(hub, tmp_path, url=f"http://127.0.0.1:{port}/")
    assert fetching.refused(Unreachable) == "host_unreachable"


def test_a_served_file_knows_its_hashes() -> None:
    assert Served(b"").git == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


@settings(max_examples=25)
@given(
    stops=st.lists(st.integers(0, 90_000), max_size=6),
    kept=st.integers(0, 80_000),
    etags=st.booleans(),
    ranges=st.booleans(),
    other=st.booleans(),
)
def test_however_it_breaks_off_what_comes_in_the_end_is_the_file(
    stops: list[int], kept: int, etags: bool, ranges: bool, other: bool
) -> None:
    """Cut at any bytes, gone on with from any beginning, of this file or of another one."""
    content, foreign = weights(80_000, seed=1), weights(80_000, seed=2)
    with Hub() as hub, tempfile.TemporaryDirectory() as folder:
        served = hub.put("/a", content, stops=[*stops], etags=etags, ranges=ranges)
        fetching = Fetching(hub, Path(folder), sha256=served.sha256)
        fetching.part.parent.mkdir()
        fetching.part.write_bytes((foreign if other else content)[:kept])
        try:
            fetched = fetching.run()
        except Unreachable:
            assert len(stops) > 2  # three tries in a row that nothing came of
            return
        assert fetched == Fetched(bytes=len(content), sha256=served.sha256)
        assert fetching.part.read_bytes() == content
