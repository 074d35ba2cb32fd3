"""Pictures as one ZIP archive, streamed: not compressed, one picture in memory at a time.

Each header says size and checksum before the bytes, so that a reader that only goes forward gets
along with it (APPNOTE 4.4.4: no data descriptors).
"""

import zipfile
from collections.abc import AsyncGenerator, Iterator
from functools import partial
from typing import IO, cast

import anyio
import anyio.to_thread
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from core import naming
from core.errors import NotFound, TooLarge
from core.records.image import Image
from core.store import images
from server import downloads, files
from server.principal import Principal
from server.state import State

MAX_PICTURES = 1000
MAX_BYTES = 8 << 30  # of the pictures of one archive
MISSING = "not-included.txt"  # ids of pictures that could not be read, where there are any
_CHUNK = 256 << 10  # bytes handed over at once
_FIRST_YEAR = 1980  # that an archive can tell


async def answer(state: State, principal: Principal, ids: list[str], pattern: str) -> Response:
    """Stream the archive of those pictures that are there and the caller's.

    :raises NotFound: when none is.
    :raises TooLarge: ``archive_too_large``, before anything is sent.
    """
    wanted = list(dict.fromkeys(ids))
    found = await state.db.read(lambda connection: images.some(connection, wanted, principal.sees))
    if not found:
        raise NotFound
    size = sum(image.bytes for image in found)
    if size > MAX_BYTES:
        raise TooLarge("archive_too_large", size=size, limit=MAX_BYTES)
    there = {image.id for image in found}
    missing = [image for image in wanted if image not in there]
    held = {
        "content-disposition": downloads.disposition("heliograph.zip", attachment=True),
        "cache-control": "no-store",
    }
    return Archive(_stream(state, found, missing, pattern), 200, held, "application/zip")


class Archive(StreamingResponse):
    """An answer whose stream ends with it, also when nobody takes it any more."""

    body_iterator: AsyncGenerator[bytes, None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and let go of what the stream holds."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self.body_iterator.aclose()


async def _stream(
    state: State, found: list[Image], missing: list[str], pattern: str
) -> AsyncGenerator[bytes, None]:
    sink = Sink()
    taken = {naming.folded(MISSING)}
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED) as archive:
        for index, image in enumerate(found, 1):
            try:
                data = await files.picture(state, image.id, None)
            except NotFound:  # lost since: the others are not
                missing.append(image.id)
                continue
            name = naming.numbered(downloads.name_of(image, index, pattern), ".png", taken)
            taken.add(naming.folded(name))
            put = partial(archive.writestr, _entry(name, image.created), data)
            await anyio.to_thread.run_sync(put)
            del data, put
            for chunk in sink.take():
                yield chunk
        if missing:
            text = "".join(f"{image}\n" for image in missing)
            archive.writestr(_entry(MISSING, found[0].created), text)
    for chunk in sink.take():
        yield chunk


def _entry(name: str, created: str) -> zipfile.ZipInfo:
    """Describe a file of an archive; its time is UTC, to two seconds."""
    year, month, day = (int(part) for part in created[:10].split("-"))
    hour, minute, second = (int(part) for part in created[11:19].split(":"))
    moment = (year, month, day, hour, minute, second)
    entry = zipfile.ZipInfo(name, moment if year >= _FIRST_YEAR else (_FIRST_YEAR, 1, 1, 0, 0, 0))
    entry.external_attr = 0o644 << 16
    return entry


class Sink:
    """Where an archive is written: what was not taken away yet can be written again.

    A header is written twice, the second time with the size and the checksum of what follows it.

    :param start: bytes that are taken away already.
    """

    def __init__(self, start: int = 0) -> None:
        self._at = start
        self._parts: dict[int, bytes] = {}  # place → what was written there

    def tell(self) -> int:
        """Give the place that is written next."""
        return self._at

    def seek(self, place: int) -> int:
        """Go to a place."""
        self._at = place
        return place

    def write(self, data: bytes) -> int:
        """Write at the place, over what was written there or at the end."""
        if data:
            old = self._parts.get(self._at)
            assert old is None or len(old) == len(data)  # a header, and it keeps its size
            self._parts[self._at] = data
        self._at += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> Iterator[bytes]:
        """Take away everything that was written, in chunks."""
        parts = [self._parts[place] for place in sorted(self._parts)]
        self._parts.clear()
        while parts:
            part = memoryview(parts.pop(0))
            for start in range(0, len(part), _CHUNK):
                yield bytes(part[start : start + _CHUNK])
