"""Pictures that move in: decoded apart, with what their metadata says of how they were made.

As ``core.media.decode``, which knows nothing of texts, in a worker process with a memory limit and
a deadline. Texts are read there, too: what is slow or fatal about them ends the worker.
"""

import warnings
from io import BytesIO

import anyio
import anyio.to_process
from msgspec import Struct
from PIL import ImageFile

from core.errors import Malformed, RequestError, TooLarge, UnsupportedType
from core.media import metadata, sniff, thumbs
from core.media.decode import BROKEN, MEMORY, bare_png, limit_memory, pixels
from core.records.image import ImageFacts

DEADLINE = 20.0  # seconds for one picture
ABREAST = 2
_MAX_WRITTEN = 79  # bytes of a keyword

_limiter = anyio.CapacityLimiter(ABREAST)
_workers = anyio.CapacityLimiter(ABREAST)  # of their own: an upload does not wait for an import


class Arrival(Struct, frozen=True, kw_only=True):
    """A picture as it was found."""

    width: int  # pixels, upright
    height: int
    thumbnail: bytes  # WebP
    facts: ImageFacts
    drawn: bool  # by a program that said how
    data: bytes | None = None  # PNG with the texts it had, where it is to be kept


async def look(data: bytes, *, keep: bool, told: str | None = None) -> Arrival:
    """Look at a picture in a worker process, two at once.

    :param keep: encode it anew, as a PNG with its texts and nothing else of the file.
    :param told: ``invokeai_metadata`` that is kept elsewhere, for a file without any text.
    :raises UnsupportedType: as ``decode.decode``.
    :raises TooLarge: as ``decode.decode``.
    :raises Malformed: as ``decode.decode``.
    """
    sniff.sniff(data)
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE):
                answer = await anyio.to_process.run_sync(
                    _work, data, keep, told, MEMORY, cancellable=True, limiter=_workers
                )
    except TimeoutError as error:
        raise Malformed("image_too_slow", seconds=DEADLINE) from error
    except anyio.BrokenWorkerProcess as error:
        raise Malformed("image_corrupt", reason="decoder") from error
    if isinstance(answer, Arrival):
        return answer
    raise _ERRORS[answer[0]](answer[1])


def seen(data: bytes, keep: bool, told: str | None) -> Arrival:
    """Decode in full, read the texts, make the thumbnail.

    :raises UnsupportedType: as ``look``.
    :raises TooLarge: as ``look``.
    :raises Malformed: as ``look``.
    """
    claim = sniff.sniff(data)
    texts = metadata.read_text(data)
    said = metadata.provenance(texts)
    if said is None and told is not None:
        texts = texts | {metadata.INVOKEAI: told}
        said = metadata.provenance(texts)
    bare = bare_png(data) if claim.format == "png" else data
    try:
        with warnings.catch_warnings(action="ignore"):
            image = pixels(bare, claim)
        png = BytesIO()
        if keep:
            image.save(png, "PNG", compress_level=1, pnginfo=metadata.png_text(_sound(texts)))
        thumbnail = thumbs.thumbnail(image)
    except MemoryError as error:
        raise TooLarge("image_too_large", reason="memory") from error
    except BROKEN as error:
        raise Malformed("image_corrupt", reason="pixels") from error
    return Arrival(
        width=image.width,
        height=image.height,
        thumbnail=thumbnail,
        facts=metadata.facts(said),
        drawn=said is not None,
        data=png.getvalue() if keep else None,
    )


def _sound(texts: dict[str, str]) -> dict[str, str]:
    """Leave out keywords that a PNG cannot have; halves of surrogate pairs become marks."""
    return {
        word: text.encode("utf-8", "replace").decode()
        for word, text in texts.items()
        if word and word.isprintable() and len(word.encode("latin-1", "ignore")) == len(word)
        and len(word) <= _MAX_WRITTEN
    }  # fmt: skip


_ERRORS: dict[str, type[RequestError]] = {
    error.__name__: error for error in (Malformed, TooLarge, UnsupportedType)
}


def _work(data: bytes, keep: bool, told: str | None, memory: int) -> Arrival | tuple[str, str]:
    """Do the work in the worker; errors travel as plain values."""
    limit_memory(memory)
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        return seen(data, keep, told)
    except RequestError as error:
        return type(error).__name__, error.name
