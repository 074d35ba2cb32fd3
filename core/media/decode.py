"""Untrusted bytes become a safe picture: decoded, turned, stripped, encoded anew.

Runs in a worker process with a memory limit and a deadline; nothing in the sent file but its
pixels comes out. Knows nothing of uploads, blobs or the gallery.
"""

import hashlib
import struct
import sys
import warnings
import zlib
from io import BytesIO

import anyio
import anyio.to_process
from msgspec import Struct
from PIL import Image, ImageFile

from core.errors import Malformed, RequestError, TooLarge, UnsupportedType
from core.media import sniff, thumbs
from core.records.graph import Json

DEADLINE = 10.0  # seconds for one picture
MEMORY = 1536 * 1024 * 1024  # bytes of address space of a worker
_WORKERS = 2
_KEPT = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"eXIf", b"IEND"})  # of a PNG
_ORIENTATION = 0x0112  # EXIF tag
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
BROKEN = (  # all that Pillow's parsers raise on broken bytes
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError,
    AttributeError, AssertionError, RuntimeError, struct.error, zlib.error,
    Image.DecompressionBombError,
)  # fmt: skip

_limiter = anyio.CapacityLimiter(_WORKERS)


class Normalised(Struct, frozen=True, kw_only=True):
    """A picture that is safe to keep and to show."""

    data: bytes  # PNG, RGB or RGBA, 8 bits, no metadata
    width: int  # pixels
    height: int
    thumbnail: bytes  # WebP
    sha256: str  # of data


async def decode(data: bytes) -> Normalised:
    """Normalise a picture in a worker process.

    At most two at once; others wait. The worker is killed at the deadline.

    :raises UnsupportedType: ``image_format`` for anything but PNG, JPEG and WebP.
    :raises TooLarge: ``image_too_large`` by bytes, sides, pixels or memory.
    :raises Malformed: ``image_corrupt`` for broken files; ``image_too_slow`` past the deadline.
    """
    sniff.sniff(data)
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE):
                answer = await anyio.to_process.run_sync(_work, data, MEMORY, cancellable=True)
    except TimeoutError as error:
        raise Malformed("image_too_slow", seconds=DEADLINE) from error
    except anyio.BrokenWorkerProcess as error:  # it died: of memory, or in a decoder
        raise Malformed("image_corrupt", reason="decoder") from error
    if isinstance(answer, Normalised):
        return answer
    kind, code, params = answer
    raise _ERRORS[kind](code, **params)


def normalise(data: bytes) -> Normalised:
    """Decode, turn upright, take the first frame, drop everything but pixels, encode again.

    :raises UnsupportedType: as ``decode``.
    :raises TooLarge: as ``decode``.
    :raises Malformed: as ``decode``.
    """
    claim = sniff.sniff(data)
    if claim.format == "png":
        data = bare_png(data)
    try:
        with warnings.catch_warnings(action="ignore"):
            image = pixels(data, claim)
        png = BytesIO()
        image.save(png, "PNG", compress_level=1)
        thumbnail = thumbs.thumbnail(image)
    except MemoryError as error:
        raise TooLarge("image_too_large", reason="memory") from error
    except BROKEN as error:
        raise Malformed("image_corrupt", reason="pixels") from error
    content = png.getvalue()
    return Normalised(
        data=content,
        width=image.width,
        height=image.height,
        thumbnail=thumbnail,
        sha256=hashlib.sha256(content).hexdigest(),
    )


def pixels(data: bytes, claim: sniff.Claim) -> Image.Image:
    """Decode a picture in full, turned upright, in 8 bits, without any text or profile.

    :raises Malformed: where it is not of the size that its header claims.
    """
    with Image.open(BytesIO(data), formats=[claim.format.upper()]) as opened:
        if opened.size != (claim.width, claim.height):
            raise Malformed("image_corrupt", reason="size")
        opened.load()
        turn = turn_of(opened)
        image = eight_bit(opened)
    if turn is not None:
        image = image.transpose(turn)
    image.info = {}  # profiles and texts, which saving would carry on
    return image


_ERRORS: dict[str, type[RequestError]] = {
    error.__name__: error for error in (Malformed, TooLarge, UnsupportedType)
}
_Refused = tuple[str, str, dict[str, Json]]


def _work(data: bytes, memory: int) -> Normalised | _Refused:
    """Do the work in the worker; errors travel as plain values."""
    limit_memory(memory)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        return normalise(data)
    except RequestError as error:
        return type(error).__name__, error.name, error.params


def limit_memory(size: int) -> None:
    """Cap this process's address space, where the system can: an allocation fails, not the machine.

    :param size: bytes.
    """
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        size = min(size, hard)
    resource.setrlimit(resource.RLIMIT_AS, (size, hard))


def bare_png(data: bytes) -> bytes:
    """Keep the chunks that make pixels, so that text bombs, profiles and frames never open."""
    parts = [sniff.PNG]
    for chunk in sniff.png_chunks(data):
        if chunk.kind in _KEPT:
            if not chunk.sound:
                raise Malformed("image_corrupt", reason="checksum")
            parts.append(data[chunk.start - 8 : chunk.start + chunk.length + 4])
    return b"".join(parts)


def turn_of(image: Image.Image) -> Image.Transpose | None:
    """Say how a picture is to be turned to stand upright, by its EXIF."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except BROKEN:  # a broken EXIF block turns nothing
        return None
    return _TURNS.get(value) if isinstance(value, int) else None


def eight_bit(image: Image.Image) -> Image.Image:
    """Bring every mode to RGB, or to RGBA where something shows through."""
    if image.mode.startswith("I"):  # 16 bits of grey; Pillow would clip, not scale
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    alpha = image.getchannel("A")
    return image.convert("RGB") if alpha.getextrema() == (255, 255) else image
