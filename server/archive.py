"""Pictures as one ZIP archive, streamed: not compressed, one picture in memory at a time."""

import re
import zipfile
from collections.abc import AsyncIterator
from typing import IO, cast

import anyio.to_thread
from starlette.responses import Response, StreamingResponse

from core.errors import NotFound
from core.records.image import Image
from core.store import images
from server import files
from server.principal import Principal
from server.state import State

_UNSAFE = re.compile(r"[^\w .,+@()-]+")
_FIELD = re.compile(r"\{(\w+)\}")


async def answer(state: State, principal: Principal, ids: list[str], pattern: str) -> Response:
    """Stream the archive of those pictures that are there and the caller's.

    :raises NotFound: when none is.
    """
    found = await state.db.read(lambda connection: images.some(connection, ids))
    mine: list[Image] = []
    for image in found:
        try:
            await files.locate(state, image.id, principal.sees)
        except NotFound:
            continue
        mine.append(image)
    if not mine:
        raise NotFound
    held = {
        "content-disposition": "attachment; filename*=UTF-8''heliograph.zip",
        "cache-control": "no-store",
    }
    return StreamingResponse(_stream(state, mine, pattern), 200, held, media_type="application/zip")


def name_of(image: Image, index: int, pattern: str) -> str:
    """Fill a pattern; what could be a path or a control character becomes a dash."""
    values = {
        "id": image.id, "index": f"{index:04d}", "seed": image.seed, "model": image.model,
        "created": image.created[:19].replace(":", "-"),
    }  # fmt: skip
    filled = _FIELD.sub(lambda match: str(values.get(match[1], match[0])), pattern)
    return _UNSAFE.sub("-", filled).strip(" .")[:120] or image.id


async def _stream(state: State, found: list[Image], pattern: str) -> AsyncIterator[bytes]:
    sink = _Sink()
    taken: set[str] = set()
    with zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_STORED) as archive:
        for index, image in enumerate(found, 1):
            try:
                _, path = await files.locate(state, image.id, None)
                data = await files.read(state, path)
            except NotFound:
                continue
            name = name_of(image, index, pattern)
            name = name if name not in taken else f"{name}-{image.id}"
            taken.add(name)
            await anyio.to_thread.run_sync(archive.writestr, f"{name}.png", data)
            yield sink.take()
    yield sink.take()


class _Sink:
    """Where the archive is written: it cannot be read, only taken away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data
