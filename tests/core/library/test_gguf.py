"""The GGUF header: what is sound is read, everything else is refused with a reason."""

import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from core.library import scan
from core.library.detect import detect, variant
from core.library.gguf import parse_gguf, read_gguf
from tests.core.library import keys

U32, F32, TEXT, LIST, U64 = 4, 6, 8, 9, 10
Pair = tuple[str, int, bytes]


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(name: str, shape: tuple[int, ...], kind: int, offset: int) -> bytes:
    sides = struct.pack(f"<I{len(shape)}Q", len(shape), *reversed(shape))
    return text(name) + sides + struct.pack("<IQ", kind, offset)


def made(
    tensors: dict[str, tuple[int, ...]] | None = None,
    pairs: list[Pair] | None = None,
    *,
    version: int = 3,
    data: bool = True,
) -> bytes:
    """Write a file of half-precision tensors; ``data`` says whether their bytes are there."""
    body, place = b"", 0
    for name, shape in (tensors or {}).items():
        body += entry(name, shape, 1, place)
        size = 2
        for side in shape:
            size *= side
        place += -(-size // 32) * 32
    head = struct.pack("<4sIQQ", b"GGUF", version, len(tensors or {}), len(pairs or []))
    for name, type_, value in pairs or []:
        head += text(name) + struct.pack("<I", type_) + value
    whole = head + body
    return whole + b"\0" * (-len(whole) % 32 + place * data)


SMALL = {"a.weight": (4, 8), "b": (3,)}


def test_a_sound_file_is_read_with_its_shapes_turned_around(tmp_path: Path) -> None:
    pairs = [
        ("general.architecture", TEXT, text("flux")),
        ("general.file_type", U32, struct.pack("<I", 14)),
        ("scale", F32, struct.pack("<f", 0.5)),
        ("words", LIST, struct.pack("<IQ", TEXT, 2) + text("a") + text("b")),
        ("numbers", LIST, struct.pack("<IQ", U64, 3) + b"\0" * 24),
    ]  # fmt: skip
    (tmp_path / "x.gguf").write_bytes(made(SMALL, pairs))
    header = read_gguf(tmp_path / "x.gguf")
    assert header.shape("a.weight") == (4, 8)
    assert header.tensors["b"].dtype == "F16"
    assert header.metadata["general.architecture"] == "flux"
    assert header.metadata["scale"] == "0.5"
    assert variant(header) == "Q4_K_S"


@pytest.mark.parametrize(
    "name", ["flux-dev-original", "flux-schnell-original", "flux-fill-original",
             "sd3.5-large-checkpoint", "t5-xxl"]
)  # fmt: skip
def test_a_network_is_told_in_this_format_too(name: str, tmp_path: Path) -> None:
    content = made(keys.shapes(name), data=False)
    header = parse_gguf(content, 1 << 40)
    assert detect(header) == detect(keys.header(keys.shapes(name)))


def test_a_scan_shows_what_it_is(tmp_path: Path) -> None:
    tensors = {"double_blocks.0.img_attn.qkv.weight": (96, 32), "img_in.weight": (32, 64)}
    (tmp_path / "flux.gguf").write_bytes(made(tensors, [("general.file_type", U32, b"\7\0\0\0")]))
    (found,) = scan.scan([("models", tmp_path)])
    assert (found.kind, found.family, found.edition, found.variant, found.format) == (
        "checkpoint", "flux", "schnell", "Q8_0", "gguf",
    )  # fmt: skip


def cut(count: int) -> bytes:
    return made(SMALL, [("a", TEXT, text("b"))])[:count]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "too short"),
        (b"GGUX" + b"\0" * 20, "magic"),
        (b"FUGG" + b"\0" * 20, "magic"),
        (made(version=1), "version"),
        (made(version=0x03000000), "version"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1 << 60, 0), "too many entries"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 1 << 60), "too many entries"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 0, 9), "too short"),
        (cut(30), "too short"),
        (cut(70), "too short"),
        (made(None, [("a", TEXT, struct.pack("<Q", 1 << 63))]), "text length"),
        (made(None, [("a", TEXT, text(b"\xff\xfe"))]), "not UTF-8"),
        (made(None, [("a", 99, b"")]), "type of a value"),
        (made(None, [("a", LIST, struct.pack("<IQ", LIST, 1))]), "type of a value"),
        (made(None, [("a", LIST, struct.pack("<IQ", U64, 1 << 61))]), "too short"),
        (made(None, [("a", LIST, struct.pack("<IQ", TEXT, 1 << 61))]), "too many entries"),
        (made(None, [("a", U32, b"\0" * 4)] * 2), "duplicate name"),
        (made(None, [("general.alignment", U32, struct.pack("<I", 0))]), "alignment"),
        (made(None, [("general.alignment", U32, struct.pack("<I", 7))]), "alignment"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 2, 0) + entry("a", (4,), 0, 0) * 2, "duplicate name"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (4,), 4, 0), "dtype"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (1,) * 5, 0, 0), "shape"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (2**63,), 0, 0), "shape"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (2, 33), 8, 0), "size of a tensor"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (2**40, 2**40), 0, 0), "data size"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 1, 0) + entry("a", (4,), 0, 1 << 62), "data size"),
        (struct.pack("<4sIQQ", b"GGUF", 3, 2, 0) + entry("a", (64,), 0, 0) + entry("b", (4,), 0, 32)
         + b"\0" * 999, "overlap"),
        (made(SMALL)[:-40], "data size"),
    ],
)  # fmt: skip
def test_an_unsound_file_is_refused_with_its_reason(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "x.gguf").write_bytes(content)
    with pytest.raises(Invalid) as caught:
        read_gguf(tmp_path / "x.gguf")
    assert (caught.value.name, caught.value.params) == ("gguf_invalid", {"reason": reason})


@settings(max_examples=300)
@given(place=st.integers(0, 400), byte=st.integers(0, 255), end=st.integers(0, 400))
def test_a_flipped_byte_or_a_cut_never_gives_anything_but_our_error(
    place: int, byte: int, end: int
) -> None:
    pairs: list[Any] = [("a", LIST, struct.pack("<IQ", TEXT, 1) + text("b")), ("c", U32, b"\0" * 4)]
    content = bytearray(made(SMALL, pairs))
    content[place % len(content)] = byte
    content = content[: len(content) - end % 7 * (end % 2)]
    try:
        parse_gguf(bytes(content), len(content))
    except Invalid as error:
        assert error.name == "gguf_invalid"


CHILD = """
import struct, sys, time
from pathlib import Path
from core.errors import HeliographError
from core.library.gguf import read_gguf
from tests.core.library.test_gguf import LIST, TEXT, made, text
path = Path(sys.argv[1])
if sys.argv[2] == "words":
    pairs = [("a", LIST, struct.pack("<IQ", TEXT, 999_999) + text("") * 999_999)]
    path.write_bytes(made(None, pairs))
else:
    path.write_bytes(made({f"{n}": (1,) for n in range(32_768)}))
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
pairs = None
Path("/proc/self/clear_refs").write_text("5")
before, start = peak(), time.process_time()
read_gguf(path)
print(time.process_time() - start, peak() - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak is not told")
@pytest.mark.parametrize("kind", ["words", "tensors"])
def test_the_most_that_is_read_takes_two_seconds_and_64_mib_at_most(
    kind: str, tmp_path: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "x.gguf"), kind],
        check=True, capture_output=True, text=True, cwd=Path(__file__).parents[3],
    ).stdout.split()  # fmt: skip
    assert float(told[0]) < 2
    assert int(told[1]) < 64 * 1024
