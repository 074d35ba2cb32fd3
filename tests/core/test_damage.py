"""Ten thousand damaged inputs for each parser that reads bytes of strangers or of another process.

Each gives what it gives for sound bytes or one of our errors: nothing else, in bounded time and
memory. ``make fuzz`` draws more, with another seed each time.
"""

import io
import os
import random
import sys
import time
import tracemalloc
import zlib
from collections.abc import Callable

import msgspec
import pytest

from core.errors import HeliographError, RequestError
from core.ipc import frames
from core.ipc.frames import FrameError
from core.library.header import Header, parse_header
from core.media import metadata, sniff
from core.media.decode import Normalised, normalise
from tests.core.ipc.test_frames import REPORTS
from tests.core.media.conftest import WHOLE, chunk, encoded, picture
from tests.core.media.corpus import flat, part, riff

TIMES = int(os.environ.get("FUZZ", "1"))
EXAMPLES = 10_000 * TIMES
SEED = random.randrange(2**31) if TIMES > 1 else 7
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * TIMES)]
LENGTHS = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", bytes(4), b"\0\0\0\x01")
SLOWEST = 5.0  # seconds for one input, on a machine that does other things
LARGEST = 64 * 1024 * 1024  # bytes that Python holds for one input
Fuzz = Callable[..., None]


def harmed(draw: random.Random, sources: list[bytes]) -> bytes:
    """Take one of the sources, and flip, cut, repeat, blow up or splice it in a few places."""
    data = bytearray(draw.choice(sources))
    for _ in range(draw.randint(1, 5)):
        at = draw.randint(0, max(0, len(data) - 1))
        how = draw.randrange(13)
        if how < 6 and data:
            data[at] ^= draw.randint(1, 255)
        elif how == 6:
            del data[at : at + draw.randint(1, 16)]
        elif how == 7:
            data[at:at] = draw.randbytes(draw.randint(1, 8))
        elif how == 8:
            data[at : at + 4] = draw.choice(LENGTHS)
        elif how == 9:
            data[at:at] = data[at : at + draw.randint(1, 64)]
        elif how == 10:
            other = draw.choice(sources)
            data[at:] = other[draw.randint(0, len(other)) :]
        elif how == 11:
            del data[at:]
    return bytes(data)


@pytest.fixture
def fuzz(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Fuzz:
    """Try a parser on harmed sources; give how many of them it took for sound."""

    def run(
        sources: list[bytes],
        parse: Callable[[bytes], object],
        look: Callable[[object], None] = lambda found: None,
        error: type[HeliographError] = RequestError,
    ) -> None:
        draw, sound, slowest = random.Random(SEED), 0, 0.0
        for number in range(EXAMPLES):
            data = harmed(draw, sources)
            began = time.perf_counter()
            try:
                look(parse(data))
            except error:
                pass
            except BaseException as wrong:
                raise AssertionError(f"seed {SEED}, input {number}: {data!r}") from wrong
            else:
                sound += 1
            slowest = max(slowest, time.perf_counter() - began)
            assert slowest < SLOWEST, (number, data)
        assert 0 < sound  # else nothing behind the parser's door was reached
        with capsys.disabled():
            sys.stdout.write(
                f"\n{request.node.name}: seed {SEED}, {EXAMPLES} tried, {sound} sound, "
                f"slowest {slowest:.2f} s\n"
            )

    return run


def test_pictures(fuzz: Fuzz) -> None:
    names = ("png RGB", "png P", "jpeg RGB", "jpeg CMYK", "jpeg progressive", "webp lossy",
             "webp lossless", "png animated", "webp animated", "png 16-bit grey",
             "webp with exif")  # fmt: skip

    def look(found: object) -> None:
        assert isinstance(found, Normalised)
        assert found.data.startswith(sniff.PNG)

    fuzz([WHOLE[name] for name in names], normalise, look)


def test_claims_of_pictures(fuzz: Fuzz) -> None:
    def look(claim: object) -> None:
        assert isinstance(claim, sniff.Claim)
        assert 1 <= claim.width <= sniff.MAX_SIDE
        assert claim.width * claim.height <= sniff.MAX_PIXELS

    fuzz(list(WHOLE.values()), sniff.sniff, look)


def words_of(parameters: str) -> list[bytes]:
    """Pictures that say how they were made, in every place where that may stand."""
    made = metadata.Made(version="1", recipe={"prompt": "a red fox", "seed": 7})
    pairs = metadata.texts(made, metadata.read_a1111(parameters))
    exif = picture().getexif()
    metadata.exif.write(exif, parameters, pairs[metadata.OURS], 60_000)
    block = exif.tobytes()
    packed = b"parameters\0\0" + zlib.compress(parameters.encode("latin-1"))
    return [
        encoded(picture(size=(4, 4)), pnginfo=metadata.png_text(pairs)),
        flat(4, 4, chunk(b"zTXt", packed), chunk(b"iTXt", b"heliograph\0\0\0\0\0" + b"{}")),
        encoded(picture(size=(4, 4)), "JPEG", exif=block),
        riff(part(b"VP8X", bytes(10)), part(b"EXIF", block)),
    ]


PARAMETERS = (
    "a red fox, (blue:1.2)\nNegative prompt: rain\nSteps: 20, Sampler: DPM++ 2M, CFG scale: 7, "
    'Seed: 1, Size: 512x512, Model: "a, b", Lora hashes: "x: 1, y: 2", Version: v1'
)


def test_metadata(fuzz: Fuzz) -> None:
    def read(data: bytes) -> None:
        found = metadata.read_text(data)
        assert sum(map(len, found.values())) <= metadata.MAX_TOTAL
        told = metadata.provenance(found), metadata.read_ours(found)
        msgspec.json.encode(told)  # as the route does

    fuzz(words_of(PARAMETERS), read)


def test_words_of_other_tools(fuzz: Fuzz) -> None:
    sources = [PARAMETERS.encode(), b"Steps: 1, " * 40, b'a: "' * 80, b"\\" * 99 + b'"']
    fuzz(sources, lambda data: metadata.read_a1111(data.decode("utf-8", "replace")))


WIRES = {"model": ["4", 0], "positive": ["6", 0], "negative": ["6", 1], "latent_image": ["5", 0]}
WORKFLOW = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 7, "steps": ["9", 0], **WIRES}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 768, "height": 512}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["4", 1]}},
    "9": {"class_type": "PrimitiveNode", "inputs": {"value": 20}},
}
RECORD = {
    "positive_prompt": "fox", "seed": 3, "cfg_scale": 7.5, "scheduler": "euler_k",
    "model": {"name": "sd"}, "loras": [{"model": {"name": "red"}, "weight": 0.7}],
}  # fmt: skip


@pytest.mark.parametrize("keyword", ["prompt", "workflow", "invokeai_metadata", "sd-metadata"])
def test_documents_of_other_tools(fuzz: Fuzz, keyword: str) -> None:
    sources = [msgspec.json.encode(WORKFLOW), msgspec.json.encode(RECORD)]

    def read(data: bytes) -> None:
        said = metadata.provenance({keyword: data.decode("utf-8", "replace")})
        msgspec.json.encode(said)

    fuzz(sources, read)


def headers() -> list[bytes]:
    tensor = {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}
    other = {"dtype": "BF16", "shape": [], "data_offsets": [24, 26]}
    return [
        msgspec.json.encode({"a": tensor, "b": other, "__metadata__": {"format": "pt"}}),
        msgspec.json.encode({"a.weight": tensor}),
        b'{"a":' * 50,
    ]  # fmt: skip


@pytest.mark.parametrize("size", [26, 24])
def test_headers_of_models(fuzz: Fuzz, size: int) -> None:
    def look(found: object) -> None:
        """What is let through covers the data, to the byte."""
        assert isinstance(found, Header)
        place = 0
        for start, end in sorted((one.start, one.end) for one in found.tensors.values()):
            assert start == place
            place = end
        assert place == size

    fuzz(headers(), lambda text: parse_header(text, size), look)


def test_frames_of_the_engine(fuzz: Fuzz) -> None:
    each = [bytes(frames.encode(report)) for report in REPORTS]

    def read(data: bytes) -> None:
        stream = io.BytesIO(data)
        while frames.read_report(stream) is not None:
            pass

    fuzz([*each, b"".join(each[:2])], read, error=FrameError)


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
