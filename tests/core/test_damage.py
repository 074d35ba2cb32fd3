"""Ten thousand damaged inputs for each parser that reads bytes of strangers or of another process.

Each gives what it gives for sound bytes or one of our errors: nothing else, in bounded time and
memory. ``FUZZ_EXAMPLES`` in the environment draws more, with other seeds.
"""

import io
import os
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.errors import HeliographError, RequestError
from core.ipc import frames
from core.ipc.frames import FrameError
from core.library.header import Header, parse_header
from core.media import metadata, sniff
from core.media.decode import Normalised, normalise
from tests.core.ipc.test_frames import REPORTS
from tests.core.media.conftest import WHOLE, chunk, encoded, picture
from tests.core.media.corpus import flat, part, riff

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10000"))
DEEP = settings(
    max_examples=EXAMPLES,
    derandomize="FUZZ_EXAMPLES" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
SLOWEST = 5.0  # seconds for one input, on a machine that does other things
LARGEST = 64 * 1024 * 1024  # bytes that Python holds for one input


@st.composite
def damaged(draw: st.DrawFn, sources: list[bytes]) -> bytes:
    """Take one of the sources, and flip, cut, repeat, blow up or splice it in a few places."""
    data = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        how = draw(st.integers(0, 6))
        if how == 0 and data:
            data[at] ^= draw(st.integers(1, 255))
        elif how == 1:
            del data[at : at + draw(st.integers(1, 16))]
        elif how == 2:
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif how == 3:
            data[at : at + 4] = draw(
                st.sampled_from([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\0\x01"])
            )
        elif how == 4:
            data[at:at] = data[at : at + draw(st.integers(1, 64))]
        elif how == 5:
            other = draw(st.sampled_from(sources))
            data[at:] = other[draw(st.integers(0, len(other))) :]
        else:
            del data[at:]
    return bytes(data)


class Tally:
    """Counts what was tried, and how it ended."""

    def __init__(self) -> None:
        self.tried = self.sound = 0
        self.slowest = 0.0

    def run(self, parse: Callable[[], object], error: type[HeliographError]) -> object:
        """Parse; give what came of it, or None for one of our errors."""
        began = time.perf_counter()
        try:
            found = parse()
        except error:
            found = None
        else:
            self.sound += 1
        self.tried += 1
        self.slowest = max(self.slowest, time.perf_counter() - began)
        assert self.slowest < SLOWEST
        return found


@pytest.fixture
def tally(request: pytest.FixtureRequest) -> Iterator[Tally]:
    """Count, and say at the end that there was something to count."""
    made = Tally()
    yield made
    assert made.tried >= EXAMPLES * 0.9  # fewer where hypothesis ran out of new ones
    assert made.sound > 0  # some damage leaves it sound: else nothing behind the door was reached
    print(f"{request.node.name}: {made.tried} tried, {made.sound} sound, {made.slowest:.2f} s")


def test_pictures(tally: Tally) -> None:
    sources = [WHOLE[name] for name in ("png RGB", "png P", "jpeg RGB", "jpeg CMYK",
        "jpeg progressive", "webp lossy", "webp lossless", "png animated", "webp animated",
        "png 16-bit grey", "webp with exif")]  # fmt: skip

    @DEEP
    @given(damaged(sources))
    def look(data: bytes) -> None:
        found = tally.run(lambda: normalise(data), RequestError)
        assert found is None or isinstance(found, Normalised)

    look()


def test_claims_of_pictures(tally: Tally) -> None:
    @DEEP
    @given(damaged(list(WHOLE.values())))
    def look(data: bytes) -> None:
        claim = tally.run(lambda: sniff.sniff(data), RequestError)
        if isinstance(claim, sniff.Claim):
            assert 1 <= claim.width <= sniff.MAX_SIDE
            assert claim.width * claim.height <= sniff.MAX_PIXELS

    look()


def words_of(parameters: str) -> list[bytes]:
    """Pictures that say how they were made, in every place where that may stand."""
    made = metadata.Made(version="1", recipe={"prompt": "a red fox", "seed": 7})
    pairs = metadata.texts(made, metadata.read_a1111(parameters))
    exif = picture().getexif()
    metadata.comment.write(exif, parameters)
    block = exif.tobytes()
    packed = b"parameters\0\0" + __import__("zlib").compress(parameters.encode("latin-1"))
    return [
        encoded(picture(size=(4, 4)), pnginfo=metadata.png_text(pairs)),
        flat(4, 4, chunk(b"zTXt", packed), chunk(b"iTXt", b"heliograph\0\0\0\0\0" + b"{}")),
        encoded(picture(size=(4, 4)), "JPEG", exif=block),
        riff(part(b"VP8X", bytes(10)), part(b"EXIF", block)),
    ]


PARAMETERS = (
    'a red fox, (blue:1.2)\nNegative prompt: rain\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 7, '
    'Seed: 1, Size: 512x512, Model: "a, b", Lora hashes: "x: 1, y: 2", Version: v1'
)


def test_metadata(tally: Tally) -> None:
    @DEEP
    @given(damaged(words_of(PARAMETERS)))
    def look(data: bytes) -> None:
        def read() -> object:
            found = metadata.read_text(data)
            assert sum(map(len, found.values())) <= metadata.MAX_TOTAL
            msgspec.json.encode([metadata.read_ours(found), metadata.read_a1111(found.get("parameters", ""))])
            return found

        tally.run(read, RequestError)

    look()


def test_words_of_other_tools(tally: Tally) -> None:
    @DEEP
    @given(damaged([PARAMETERS.encode(), b"Steps: 1, " * 40, b'a: "' * 80, b"\\" * 99 + b'"']))
    def look(data: bytes) -> None:
        tally.run(lambda: metadata.read_a1111(data.decode("utf-8", "replace")), RequestError)

    look()


def headers() -> list[bytes]:
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    other = {"dtype": "BF16", "shape": [], "data_offsets": [24, 26]}
    return [
        msgspec.json.encode({"a.weight": tensor, "b": other, "__metadata__": {"format": "pt"}}),
        msgspec.json.encode({f"t{n}": tensor for n in range(30)}),
        b"{}", b'{"a":' * 50,
    ]  # fmt: skip


def test_headers_of_models(tally: Tally) -> None:
    @DEEP
    @given(damaged(headers()), st.sampled_from([0, 24, 26, 2**40]))
    def look(text: bytes, size: int) -> None:
        found = tally.run(lambda: parse_header(text, size), RequestError)
        if isinstance(found, Header):  # what is let through covers the data, to the byte
            ends = sorted((one.start, one.end) for one in found.tensors.values())
            assert [start for start, _ in ends] == [0, *(end for _, end in ends)][: len(ends)]
            assert (ends[-1][1] if ends else 0) == size

    look()


def test_frames_of_the_engine(tally: Tally) -> None:
    one_by_one = [bytes(frames.encode(report)) for report in REPORTS]

    @DEEP
    @given(damaged([*one_by_one, b"".join(one_by_one[:2])]))
    def look(data: bytes) -> None:
        stream = io.BytesIO(data)

        def read() -> object:
            found = []
            while (report := frames.read_report(stream)) is not None:
                found.append(report)
            return found

        tally.run(read, FrameError)

    look()


def test_no_damage_makes_a_parser_hold_much_memory() -> None:
    """A seeded thousand of each: what a header claims is never allocated before it is there."""
    draw = random.Random(7)
    sound = bytes(frames.encode(REPORTS[1]))
    texts = headers() + words_of(PARAMETERS)
    tracemalloc.start()
    try:
        for _ in range(1000):
            data = bytearray(draw.choice([sound, *texts]))
            for _ in range(3):
                data[draw.randrange(len(data))] = draw.choice([0, 1, 0x7F, 0x80, 0xFF])
            for parse in (
                lambda d=bytes(data): frames.read_report(io.BytesIO(d)),
                lambda d=bytes(data): parse_header(d, 26),
                lambda d=bytes(data): metadata.read_text(d),
                lambda d=bytes(data): sniff.sniff(d),
            ):
                try:
                    parse()
                except HeliographError:
                    pass
        assert tracemalloc.get_traced_memory()[1] < LARGEST
    finally:
        tracemalloc.stop()
