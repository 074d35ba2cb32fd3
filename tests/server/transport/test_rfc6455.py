"""The socket's framing against RFC 6455: hundreds of cases over an echo in our own configuration.

The sections are those of Autobahn's fuzzing client, which is the field's yardstick; its package
runs on Python 2 alone, so the cases are made here, byte by byte. Compression (12, 13) is off, and
9 (large messages) ends at our cap.
"""

import random
from collections.abc import Iterator

import pytest
from starlette.types import Receive, Scope, Send

from tests.server.studio import Studio, listening
from tests.server.transport.peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    Peer,
    close,
    frame,
    peer,
)

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(180)]
Case = tuple[list[bytes], list[Frame], int | None]  # packets sent, frames heard, code at the end
BAD = 1002  # protocol error
NOT_TEXT = 1007
WORDS = "Hello-µ@ßöäüàá-UTF-8!!".encode()


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Say back what is heard, in kind."""
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


def echoed(opcode: int, payload: bytes) -> Frame:
    return Frame(opcode, payload)


def sizes() -> Iterator[tuple[str, Case]]:
    """1: texts and bytes of every size at which the length is written differently, up to 1 MiB."""
    for opcode in (TEXT, BINARY):
        for size in (0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 262_144, 1_048_576):
            payload = b"*" * size
            yield f"1 {opcode} of {size}", (
                [frame(opcode, payload)], [echoed(opcode, payload)], None,
            )  # fmt: skip
        for piece in (1, 7, 997):
            sent = frame(opcode, b"x" * 3000)
            cut = [sent[at : at + piece] for at in range(0, len(sent), piece)]
            yield f"1 {opcode} in packets of {piece}", (cut, [echoed(opcode, b"x" * 3000)], None)


def pings() -> Iterator[tuple[str, Case]]:
    """2: pings are answered with what they carried, pongs that nobody asked for are not."""
    for payload in (b"", b"Hello", bytes(range(125)), b"\x00\xff\xfe\xfd"):
        yield f"2 ping of {len(payload)}", (
            [frame(PING, payload)], [Frame(PONG, payload)], None,
        )  # fmt: skip
    yield "2 ping of 126", ([frame(PING, b"x" * 126)], [], BAD)
    yield "2 ping byte by byte", (
        [bytes([one]) for one in frame(PING, b"payload")], [Frame(PONG, b"payload")], None,
    )  # fmt: skip
    for payload in (b"", b"unsolicited"):
        yield f"2 pong of {len(payload)}", (
            [frame(PONG, payload), frame(PING, b"1")], [Frame(PONG, b"1")], None,
        )  # fmt: skip
    yield "2 ten pings at once", (
        [b"".join(frame(PING, b"%d" % n) for n in range(10))],
        [Frame(PONG, b"%d" % n) for n in range(10)], None,
    )  # fmt: skip


def reserved() -> Iterator[tuple[str, Case]]:
    """3 and 4: reserved bits and reserved opcodes end the connection, whatever came before."""
    for bits in range(1, 8):
        for opcode in (TEXT, BINARY, PING, PONG, CLOSE):
            yield f"3 bits {bits} on {opcode}", ([frame(opcode, b"", reserved=bits)], [], BAD)
        yield f"3 bits {bits} after a text", (
            [frame(TEXT, b"a"), frame(TEXT, b"b", reserved=bits)], [echoed(TEXT, b"a")], BAD,
        )  # fmt: skip
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield f"4 opcode {opcode}", ([frame(opcode)], [], BAD)
        yield f"4 opcode {opcode} with a payload", ([frame(opcode, b"x")], [], BAD)
        yield f"4 opcode {opcode} after a text", (
            [frame(TEXT, b"a"), frame(opcode, b"x"), frame(PING)], [echoed(TEXT, b"a")], BAD,
        )  # fmt: skip
    for opcode in (TEXT, PING, CLOSE):
        yield f"5.1 unmasked {opcode}", ([frame(opcode, b"", mask=False)], [], BAD)


def fragments() -> Iterator[tuple[str, Case]]:
    """5: fragments make one message; what comes between them may only be control frames."""
    for opcode in (PING, PONG, CLOSE):
        yield f"5 control {opcode} in fragments", (
            [frame(opcode, b"a", fin=False), frame(CONT, b"b")], [], BAD,
        )  # fmt: skip
    for opcode in (TEXT, BINARY):
        whole = [echoed(opcode, b"fragment1fragment2")]
        one, two = frame(opcode, b"fragment1", fin=False), frame(CONT, b"fragment2")
        yield f"5 {opcode} in two", ([one, two], whole, None)
        yield f"5 {opcode} in two, one packet", ([one + two], whole, None)
        yield f"5 {opcode} in two, byte by byte", ([bytes([b]) for b in one + two], whole, None)
        for empty in ([b"", b"x"], [b"x", b""], [b"", b"", b""], [b"a"] * 300):
            sent = [frame(opcode, empty[0], fin=False)]
            sent += [frame(CONT, part, fin=False) for part in empty[1:-1]]
            sent.append(frame(CONT, empty[-1]))
            yield f"5 {opcode} of {len(empty)} parts, {len(empty[0])} first", (
                sent, [echoed(opcode, b"".join(empty))], None,
            )  # fmt: skip
        yield f"5 a ping within {opcode}", (
            [one, frame(PING, b"p"), two], [Frame(PONG, b"p"), *whole], None,
        )  # fmt: skip
        yield f"5 a pong within {opcode}", ([one, frame(PONG, b"p"), two], whole, None)
        yield f"5 {opcode} within {opcode}", ([one, frame(opcode, b"x")], [], BAD)
    for fin in (True, False):
        yield f"5 nothing to continue, end {fin}", ([frame(CONT, b"x", fin=fin)], [], BAD)
        yield f"5 nothing to continue after a text, end {fin}", (
            [frame(TEXT, b"a"), frame(CONT, b"x", fin=fin)], [echoed(TEXT, b"a")], BAD,
        )  # fmt: skip
    long = b"*" * 65_536
    parts = [long[at : at + 1300] for at in range(0, len(long), 1300)]
    sent = [frame(TEXT, parts[0], fin=False), *(frame(CONT, p, fin=False) for p in parts[1:-1])]
    yield "10 text in fragments of 1300", (
        [*sent, frame(CONT, parts[-1])], [echoed(TEXT, long)], None,
    )  # fmt: skip


SOUND = [  # Unicode 15, table 3-7: the first and the last of each row, and words between them
    "", "a", "\x00", "\x7f", "\u0080", "\u07ff", "\u0800", "\u0fff", "\u1000", "\ucfff", "\ud000",
    "\ud7ff", "\ue000", "\ufffd", "\ufffe", "\uffff", "\U00010000", "\U0003ffff", "\U00040000",
    "\U000fffff", "\U00100000", "\U0010ffff", "κόσμε", "日本語", "العربية", "\ufeffmark",
    "👩‍👩‍👧‍👦", "e\u0301",
]  # fmt: skip
UNSOUND = [
    *(bytes([one]) for one in (0x80, 0xBF, 0xC0, 0xC1, 0xF5, 0xFE, 0xFF)),
    b"\xc2", b"\xc2\x20", b"\xdf\xc0", b"\xc0\x80", b"\xc0\xaf", b"\xc1\xbf",
    b"\xe0\x80\x80", b"\xe0\x80\xaf", b"\xe0\x9f\xbf", b"\xe1\x80", b"\xe1\x80\x20", b"\xef\xbf",
    b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80", b"\xed\xaf\xbf\xed\xbf\xbf",
    b"\xf0\x80\x80\x80", b"\xf0\x80\x80\xaf", b"\xf0\x8f\xbf\xbf", b"\xf0\x90\x80",
    b"\xf4\x90\x80\x80", b"\xf7\xbf\xbf\xbf", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
    b"\xf1\x80\x80\x20", b"ok\xff", "κόσμε".encode() + b"\xed\xa0\x80edited",
]  # fmt: skip


def texts() -> Iterator[tuple[str, Case]]:
    """6: every text that is one is taken, whole and cut anywhere; nothing else is."""
    for text in SOUND:
        data = text.encode()
        yield f"6 {data!r}", ([frame(TEXT, data)], [echoed(TEXT, data)], None)
    for at in range(len(WORDS) + 1):
        yield f"6 words cut at {at}", (
            [frame(TEXT, WORDS[:at], fin=False), frame(CONT, WORDS[at:])],
            [echoed(TEXT, WORDS)], None,
        )  # fmt: skip
    for data in UNSOUND:
        yield f"6 not {data!r}", ([frame(TEXT, data)], [], NOT_TEXT)
        yield f"6 not {data!r}, in bytes", ([frame(BINARY, data)], [echoed(BINARY, data)], None)
        yield f"6 not {data!r}, cut", (
            [frame(TEXT, b"ok" + data[:1], fin=False), frame(CONT, data[1:])], [], NOT_TEXT,
        )  # fmt: skip


def closes() -> Iterator[tuple[str, Case]]:
    """7: a close is answered in kind, once; codes that nobody may send are an error."""
    yield "7 no code", ([close()], [], 1005)
    yield "7 twice", ([close(1000), close(1000)], [], 1000)
    yield "7 then a text", ([close(1000), frame(TEXT, b"x")], [], 1000)
    yield "7 then a ping", ([close(1000), frame(PING, b"x")], [], 1000)
    # The library takes a message that was begun and never ended for a fault of the peer.
    yield "7 within a message", ([frame(TEXT, b"a", fin=False), close(1000)], [], BAD)
    yield "7 after a text", ([frame(TEXT, b"a"), close(1000)], [echoed(TEXT, b"a")], 1000)
    yield "7 of one byte", ([frame(CLOSE, b"\x03")], [], BAD)
    yield "7 longest reason", ([close(1000, b"*" * 123)], [], 1000)
    yield "7 a reason too long", ([close(1000, b"*" * 124)], [], BAD)
    yield "7 a reason in words", ([close(1000, WORDS)], [], 1000)
    yield "7 a reason that is no text", ([close(1000, b"\xce\xed\xa0\x80")], [], NOT_TEXT)
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield f"7 code {code}", ([close(code)], [], code)
        yield f"7 code {code} and a reason", ([close(code, b"bye")], [], code)
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535):
        yield f"7 code {code} is nobody's", ([close(code)], [], BAD)


SECTIONS = {
    "sizes": dict(sizes()), "pings": dict(pings()), "reserved": dict(reserved()),
    "fragments": dict(fragments()), "texts": dict(texts()), "closes": dict(closes()),
}  # fmt: skip


async def run(opened: Peer, case: Case) -> tuple[list[Frame], int | None]:
    """Play one case to its end; where the server should stay, it is we who close."""
    sent, expected, code = case
    for packet in sent:
        await opened.send(packet)
    heard: list[Frame] = []
    if code is None:
        while len(heard) < len(expected) and (one := await opened.hear()) is not None:
            heard.append(one)
        await opened.send(close(1000))
        assert await opened.ended() == 1000
        return heard, None
    while (one := await opened.hear()) is not None:
        if one.opcode == CLOSE:
            return heard, int.from_bytes(one.payload[:2]) if one.payload else 1005
        heard.append(one)
    return heard, 0


@pytest.mark.parametrize("section", SECTIONS)
async def test_every_case_of_a_section_ends_as_the_standard_says(
    studio: Studio, section: str
) -> None:
    wrong = []
    async with listening(studio.state, echo) as address:
        for name, case in SECTIONS[section].items():
            async with peer(address) as opened:
                got = await run(opened, case)
            # Where the connection fails, what was heard before may be lost on the way to the echo.
            heard, code = got
            same = heard == case[1] or (case[2] is not None and heard == case[1][: len(heard)])
            if not same or code != case[2]:
                wrong.append((name, got))
        async with peer(address) as opened:
            assert await run(opened, SECTIONS["sizes"]["1 1 of 125"]) == (
                [echoed(TEXT, b"*" * 125)],
                None,
            )
    assert wrong == []


def test_there_are_as_many_cases_as_the_figures_say() -> None:
    assert sum(map(len, SECTIONS.values())) >= 350


@pytest.mark.parametrize("seed", range(4))
async def test_any_bytes_after_a_handshake_end_in_an_echo_or_a_close(
    studio: Studio, seed: int
) -> None:
    draw, codes = random.Random(seed), set[int | None]()
    async with listening(studio.state, echo) as address:
        for _ in range(250):
            async with peer(address) as opened:
                sound = [
                    frame(
                        draw.choice([TEXT, BINARY, PING, CONT]), draw.randbytes(draw.randrange(300))
                    )
                    for _ in range(draw.randrange(1, 4))
                ]
                data = bytearray(b"".join(sound))
                for _ in range(draw.randrange(6)):
                    data[draw.randrange(len(data))] = draw.randrange(256)
                await opened.send(bytes(data), close(1000))
                await opened.half_close()
                codes.add(await opened.ended())
        async with peer(address) as opened:
            assert await run(opened, SECTIONS["pings"]["2 ping of 5"]) == (
                [Frame(PONG, b"Hello")],
                None,
            )
    assert codes <= {None, 1000, 1002, 1005, 1007, 1009}
    assert {1000, 1002} <= codes
