"""Untrusted bytes become a picture to train on: upright, in sRGB, 8 bits, see-through kept.

Runs in worker processes with a memory limit and a deadline, apart from those of uploads. What
cannot be trained on comes back as a reason, never as an error. Knows no dataset.
"""

import hashlib
import warnings
import zlib
from io import BytesIO

import anyio
import anyio.to_process
from msgspec import Struct
from PIL import Image, ImageCms, ImageFile

from core.errors import Params, RequestError
from core.media import likeness, sniff, thumbs
from core.media.decode import BROKEN, MEMORY, bare_png, eight_bit, limit_memory, turn_of
from core.records.training import Warned

DEADLINE = 40.0  # seconds for one picture
SMALLEST = 32  # pixels of the shorter side
LARGEST = 4096 * 4096  # pixels that are kept of one picture: the largest square of a recipe
_WORKERS = 2
_WAITING = 64  # pictures that may wait for another
_PROFILE = 4 << 20  # bytes of a colour profile

_limiter = anyio.CapacityLimiter(_WORKERS)
_workers = anyio.CapacityLimiter(_WORKERS)  # of their own, so that uploads keep theirs


class Taken(Struct, frozen=True, kw_only=True):
    """A picture that can be trained on."""

    data: bytes  # PNG, RGB or RGBA, 8 bits, no metadata
    width: int  # pixels
    height: int
    sha256: str  # of data
    pixels: str  # SHA-256 of what was decoded, the same for every file of the same pixels
    likeness: int | None  # see ``core.media.likeness``
    transparent: bool
    thumbnail: bytes  # WebP
    notes: list[Warned] = []


class Refused(Struct, frozen=True, kw_only=True):
    """Why bytes cannot be trained on."""

    code: str
    params: Params = {}


async def ingest(data: bytes) -> Taken | Refused:
    """Take a picture in, in a worker process; two at once, others wait."""
    try:
        sniff.sniff(data)
    except RequestError as error:
        return _refused(error)
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE):
                return await anyio.to_process.run_sync(
                    _work, data, MEMORY, cancellable=True, limiter=_workers
                )
    except TimeoutError:
        return Refused(code="picture_too_slow", params={"seconds": DEADLINE})
    except anyio.BrokenWorkerProcess:  # it died: of memory, or in a decoder
        return Refused(code="picture_damaged", params={"reason": "decoder"})


def waiting() -> bool:
    """Say whether so many pictures wait that no more should come."""
    return _limiter.statistics().tasks_waiting >= _WAITING


def taken(data: bytes) -> Taken | Refused:
    """Decode in full, turn upright, bring to sRGB, scale what is too large, encode anew."""
    try:
        claim = sniff.sniff(data)
        if _moves(data, claim):
            return Refused(code="picture_animated")
        profile = _png_profile(data) if claim.format == "png" else None
        bare = bare_png(data) if claim.format == "png" else data
        with warnings.catch_warnings(action="ignore"):
            return _made(*_decoded(bare, claim, profile))
    except RequestError as error:
        return _refused(error)
    except MemoryError:
        return Refused(code="picture_too_large", params={"reason": "memory"})
    except BROKEN:
        return Refused(code="picture_damaged", params={"reason": "pixels"})


def _work(data: bytes, memory: int) -> Taken | Refused:
    limit_memory(memory)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    return taken(data)


def _decoded(
    data: bytes, claim: sniff.Claim, profile: bytes | None
) -> tuple[Image.Image, list[Warned]]:
    """Decode and normalise; notes tell what was changed beyond the encoding."""
    notes = []
    with Image.open(BytesIO(data), formats=[claim.format.upper()]) as opened:
        opened.load()
        turn = turn_of(opened)
        profile = profile or opened.info.get("icc_profile")
        image: Image.Image = opened
        if image.width * image.height > LARGEST:
            scale = (LARGEST / (image.width * image.height)) ** 0.5
            size = (int(image.width * scale), int(image.height * scale))
            plain = image if image.mode in ("CMYK", "L", "RGB") else eight_bit(image)
            image = plain.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
            params: Params = {"width": claim.width, "height": claim.height}
            notes.append(Warned(code="picture_reduced", params=params))
        try:
            image = eight_bit(image) if not profile else _srgb(image, profile)
        except (ImageCms.PyCMSError, *BROKEN):
            image = eight_bit(image)
            notes.append(Warned(code="picture_profile"))
    image = image.transpose(turn) if turn is not None else image
    image.info = {}
    return image, notes


def _made(image: Image.Image, notes: list[Warned]) -> Taken | Refused:
    size: Params = {"width": image.width, "height": image.height, "least": SMALLEST}
    if min(image.size) < SMALLEST:
        return Refused(code="picture_too_small", params=size)
    transparent = image.mode == "RGBA"
    if transparent and image.getchannel("A").getextrema() == (0, 0):
        return Refused(code="picture_invisible")
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height} ".encode())
    digest.update(image.tobytes())
    png = BytesIO()
    image.save(png, "PNG", compress_level=1)
    content = png.getvalue()
    return Taken(
        data=content,
        width=image.width,
        height=image.height,
        sha256=hashlib.sha256(content).hexdigest(),
        pixels=digest.hexdigest(),
        likeness=likeness.of(image),
        transparent=transparent,
        thumbnail=thumbs.thumbnail(image),
        notes=notes,
    )


def _srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Bring colours from a picture's own profile (ICC.1) to sRGB; what is sRGB stays to the bit."""
    own = ImageCms.ImageCmsProfile(BytesIO(profile[:_PROFILE]))
    space = own.profile.xcolor_space.strip()
    if "sRGB" in ImageCms.getProfileDescription(own):
        return eight_bit(image)
    plain = image if space == "CMYK" and image.mode == "CMYK" else eight_bit(image)
    alpha = plain.getchannel("A") if plain.mode == "RGBA" else None
    colors = plain if plain.mode == "CMYK" else plain.convert("L" if space == "GRAY" else "RGB")
    wanted = ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(colors, own, wanted, outputMode="RGB")
    assert made is not None  # not in place
    if alpha is not None:
        made.putalpha(alpha)
    return made


def _png_profile(data: bytes) -> bytes | None:
    """Unpack the profile of a PNG, 4 MiB of it at most; null where there is none that is sound."""
    for chunk in sniff.png_chunks(data):
        if chunk.kind == b"iCCP" and chunk.sound:
            packed = data[chunk.start : chunk.start + chunk.length].partition(b"\0")[2][1:]
            try:
                return zlib.decompressobj().decompress(packed, _PROFILE) or None
            except zlib.error:
                return None
        if chunk.kind == b"IDAT":
            return None
    return None


def _moves(data: bytes, claim: sniff.Claim) -> bool:
    """Say whether a PNG or WebP has several frames."""
    if claim.format == "webp":
        return data[12:16] == b"VP8X" and bool(data[20] & 0x02)  # RFC 9649 §2.7
    if claim.format != "png":
        return False
    return any(
        chunk.kind == b"acTL" and int.from_bytes(data[chunk.start : chunk.start + 4]) > 1
        for chunk in sniff.png_chunks(data)
    )


_REASONS = {
    "image_format": "picture_format",
    "image_too_large": "picture_too_large",
    "image_corrupt": "picture_damaged",
}


def _refused(error: RequestError) -> Refused:
    told = ("reason", "bytes", "width", "height")
    known: Params = {key: error.params[key] for key in told if key in error.params}
    return Refused(code=_REASONS.get(error.name, "picture_damaged"), params=known)
