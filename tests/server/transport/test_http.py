"""Bytes that are not a request, over real sockets: each gets its refusal and its end.

P9, P14, P15, P16, P18 of the contract. Every refusal is a problem document, and nobody else
notices.
"""

import contextlib
import socket as sockets
import time
from collections.abc import AsyncIterator

import anyio
import anyio.to_thread
import pytest
from anyio.lowlevel import checkpoint

from server.transport import Limits
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_stalled import hung_up_on
from tests.server.transport.wire import JSON, ask, dial, parse, request, until_closed

pytestmark = pytest.mark.anyio
QUICK = Limits(head=0.4, body_window=0.4, taken=0.6, goodbye=0.3)
LATE = QUICK.head + 8  # seconds: what `until_closed` waits on a busy machine


@pytest.fixture
async def address(studio: Studio) -> AsyncIterator[str]:
    async with listening(studio.state) as found:
        yield found


@pytest.fixture
async def quick(studio: Studio) -> AsyncIterator[str]:
    studio.state.limits = QUICK
    async with listening(studio.state) as found:
        yield found


POST = b"POST /api/v1/queue/pause HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked"
UNSOUND = {
    "two lengths": POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths that differ": POST + b"Content-Length: 3\r\nContent-Length: 9\r\n\r\nabc",
    "a list of lengths": POST + b"Content-Length: 3, 3\r\n\r\nabc",
    "a negative length": POST + b"Content-Length: -3\r\n\r\nabc",
    "a length with a sign": POST + b"Content-Length: +3\r\n\r\nabc",
    "a length in hexadecimal": POST + b"Content-Length: 0x3\r\n\r\nabc",
    "a length over 64 bits": POST + b"Content-Length: 99999999999999999999999\r\n\r\nabc",
    "an empty length": POST + b"Content-Length: \r\n\r\nabc",
    "length, then coding": POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    "coding, then length": CHUNKED + b"\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    "a coding that ends nowhere": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "a coding around chunks": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "a coding that is nearly one": POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunks twice": CHUNKED + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks within chunks": CHUNKED + b", chunked\r\n\r\n0\r\n\r\n",
    "a coding after a tab": POST + b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"\r\n\r\n0\r\n\r\n",
    "a space before the colon": POST + b"Content-Length : 3\r\n\r\nabc",
    "a folded field": POST + b"X: a\r\n b\r\n\r\n",
    "a field without a name": POST + b": x\r\n\r\n",
    "a bare carriage return": b"GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n",
    "bare line feeds": b"GET / HTTP/1.1\nHost: localhost\n\n",
    "NUL in a field": b"GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n",
    "NUL in the target": b"GET /a\0b HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "bytes over ASCII in the target": b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a target that is no path": b"GET livez HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "an unknown method": b"BREW / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a method in small letters": b"get / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no version": b"GET /livez\r\n\r\n",
    "a version to come": b"GET / HTTP/1.2\r\nHost: localhost\r\n\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "noise": bytes(range(128, 256)),
    "a body behind another protocol": POST
    + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}",
}  # fmt: skip


async def test_a_head_that_is_not_sound_http_is_refused_and_runs_nothing(
    studio: Studio, address: str
) -> None:
    for name, sent in UNSOUND.items():
        answer = await ask(address, sent)
        assert (answer.status, answer.code) == (400, "bad_http"), name
        assert answer.headers["connection"] == "close"
        assert answer.headers["content-type"] == "application/problem+json"
    assert (await studio.client.get("/api/v1/queue")).json()["paused"] is False
    assert studio.state.meters.answers["OTHER", "-", 400] == len(UNSOUND)  # each is counted
    assert (await studio.generate(**DRAW))["images"]


CHUNKS = {
    "a negative size": b"-3\r\nabc\r\n0\r\n\r\n",
    "a size over 64 bits": b"f" * 19 + b"\r\nabc",
    "no end": b"3\r\nabcX0\r\n\r\n",
    "bare line feeds": b"3\nabc\n0\n\n",
}


async def test_chunks_that_are_not_sound_are_refused_and_make_nothing(
    studio: Studio, address: str
) -> None:
    before = await studio.rows()
    head = CHUNKED.replace(b"queue/pause", b"generate") + b"\r\n" + JSON + b"\r\n"
    for name, sent in CHUNKS.items():
        answer = await ask(address, head, sent)
        assert (answer.status, answer.code) == (400, "bad_http"), name
    assert await studio.rows() == before


ELSEWHERE = (
    "http://evil.example/livez", "http://evil.example", "https://evil.example:443/x", "*",
    "http://user@{host}/livez", "ftp://{host}/livez", "/livez#fragment", "http://{host}",
)  # fmt: skip


async def test_a_target_elsewhere_is_refused(address: str) -> None:
    for target in ELSEWHERE:
        method = b"OPTIONS " if target == "*" else b"GET "
        first = method + target.format(host=address).encode() + b" HTTP/1.1"
        answer = await ask(address, request(address, first))
        assert (answer.status, answer.code) == (400, "bad_target"), target


async def test_a_tunnel_is_refused(address: str) -> None:
    answer = await ask(address, request(address, b"CONNECT evil.example:80 HTTP/1.1"))
    assert (answer.status, answer.code) == (400, "bad_target")


async def test_a_target_that_names_the_asked_host_is_a_path(address: str) -> None:
    answer = await ask(address, request(address, f"GET http://{address}/livez HTTP/1.1".encode()))
    assert (answer.status, answer.problem) == (200, {"status": "ok"})


async def test_a_head_over_its_cap_is_refused_however_it_is_cut(address: str) -> None:
    long = b"a" * 33_000
    heads = {
        "one field": request(address, b"GET /livez HTTP/1.1", b"X-Long: " + long),
        "many fields": request(address, b"GET /livez HTTP/1.1", *[b"X: y"] * 101),
        "a name": request(address, b"GET /livez HTTP/1.1", long + b": x"),
        "the target": request(address, b"GET /livez?" + long + b" HTTP/1.1"),
    }
    for name, head in heads.items():
        whole = await ask(address, head)
        assert (whole.status, whole.code) == (431, "headers_too_large"), name
        async with await dial(address) as stream:
            try:
                for at in range(0, len(head), 1000):
                    await stream.send(head[at : at + 1000])
                    await checkpoint()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass
            assert parse(await until_closed(stream)).status == 431, name
    fits = await ask(address, request(address, b"GET /livez HTTP/1.1", *[b"X: y"] * 98))
    assert fits.status == 200


async def pour(address: str, start: bytes, more: bytes) -> int:
    """Send without end, as fast as it is taken; give the status that ends it."""
    async with await dial(address) as stream, anyio.create_task_group() as group:
        await stream.send(start)

        async def send() -> None:
            with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                while True:
                    await stream.send(more)

        group.start_soon(send)
        status = parse(await until_closed(stream)).status
        group.cancel_scope.cancel()
        return status


async def test_a_field_without_end_is_refused(quick: str) -> None:
    start = b"GET /livez HTTP/1.1\r\nX: "
    assert await pour(quick, start, b"a" * 65_536) == 431


async def test_a_head_that_does_not_end_is_closed(quick: str) -> None:
    for start in (b"", b"GET /livez HTTP/1.1\r\nHost: ", b"\r\n\r\n"):
        async with await dial(quick) as stream:
            if start:
                await stream.send(start)
            assert await until_closed(stream) == b""


async def test_a_second_head_on_a_kept_connection_has_the_same_time(quick: str) -> None:
    async with await dial(quick) as stream:
        await stream.send(request(quick).replace(b"Connection: close\r\n", b""))
        assert b'"ok"' in await stream.receive()
        began = time.monotonic()
        await stream.send(b"\r\n")  # wakes the connection, and begins no request
        assert await until_closed(stream) == b""
        assert time.monotonic() - began < LATE


async def test_a_body_that_trickles_is_refused(studio: Studio, quick: str) -> None:
    before = await studio.rows()
    async with await dial(quick) as stream:
        head = request(quick, b"POST /api/v1/generate HTTP/1.1", JSON + b"Content-Length: 900")
        await stream.send(head)
        sent = 0
        try:
            while sent < 900:
                await stream.send(b" ")
                sent += 1
                with anyio.move_on_after(0.02):
                    answer = parse(await stream.receive())
                    break
        except (anyio.BrokenResourceError, anyio.EndOfStream):
            pytest.fail("closed without an answer")
    assert (answer.status, answer.code) == (408, "body_too_slow")
    assert await studio.rows() == before


async def test_a_body_that_is_all_framing_is_refused(quick: str) -> None:
    start = request(quick, b"POST /api/v1/generate HTTP/1.1", JSON + b"Transfer-Encoding: chunked")
    assert await pour(quick, start, b"1;" + b"e" * 60_000 + b"\r\n \r\n") == 400
    assert await pour(quick, start + b"0\r\nX: ", b"a" * 60_000) == 400


async def test_a_body_in_small_chunks_is_taken(studio: Studio, address: str) -> None:
    head = request(
        address, b"POST /api/v1/graphs/check HTTP/1.1", JSON + b"Transfer-Encoding: chunked"
    )
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"graph": {"nodes": []}}')
    answer = await ask(address, head, chunks + b"0\r\n\r\n")
    assert answer.status == 200


async def test_a_trailer_changes_nothing(opener: Opener) -> None:
    async with opener(token="the-token") as studio, listening(studio.state) as address:
        head = request(
            address, b"POST /api/v1/queue/pause HTTP/1.1", JSON + b"Transfer-Encoding: chunked"
        )
        answer = await ask(address, head, b"0\r\nAuthorization: Bearer the-token\r\n\r\n")
        assert answer.status == 401


async def test_requests_in_one_packet_are_answered_in_their_order(address: str) -> None:
    kept = request(address).replace(b"Connection: close\r\n", b"")
    async with await dial(address) as stream:
        await stream.send(kept * 3 + request(address, b"GET /nowhere HTTP/1.1"))
        got = await until_closed(stream)
    assert got.count(b"HTTP/1.1 200 OK") == 3
    assert got.rindex(b"HTTP/1.1 200") < got.index(b"HTTP/1.1 404")


async def test_junk_behind_a_request_does_not_spoil_its_answer(address: str) -> None:
    kept = request(address).replace(b"Connection: close\r\n", b"")
    async with await dial(address) as stream:
        await stream.send(kept + b"\x00junk\r\n\r\n")
        got = await until_closed(stream)
    assert parse(got).status == 200
    assert got.count(b"HTTP/1.1") == 1


async def test_a_refusal_speaks_the_asked_language(studio: Studio, address: str) -> None:
    fields = (b"Accept-Language: de", *[b"X: y"] * 101)
    answer = await ask(address, request(address, b"GET /livez HTTP/1.1", *fields))
    assert answer.problem["title"] == studio.state.words.say("de", "errors.status_431")


async def test_a_client_that_takes_no_answer_is_reset(quick: str) -> None:
    page = request(quick, b"GET /openapi.json HTTP/1.1").replace(b"Connection: close\r\n", b"")

    def ask_and_not_read() -> bool:
        with sockets.socket() as client:
            client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            client.connect((quick.partition(":")[0], int(quick.rpartition(":")[2])))
            client.sendall(page * 100)
            return hung_up_on(client)

    assert await anyio.to_thread.run_sync(ask_and_not_read)


@pytest.mark.slow
@pytest.mark.timeout(90)
async def test_five_hundred_half_requests_leave_the_others_quick(studio: Studio) -> None:
    """P15: the median with 500 half-open heads is within ten times that without, and 50 ms."""
    async with listening(studio.state) as address:
        alone = await median_of(address)
        slow = [await dial(address) for _ in range(500)]
        for stream in slow:
            await stream.send(b"GET /livez HTTP/1.1\r\nHost: ")
        crowded = await median_of(address)
        for stream in slow:
            await stream.aclose()
    assert crowded < max(10 * alone, 0.05), (alone, crowded)


async def median_of(address: str) -> float:
    times = []
    for _ in range(101):
        began = time.perf_counter()
        assert (await ask(address, request(address))).status == 200
        times.append(time.perf_counter() - began)
    return sorted(times)[50]
