"""A picture of a dataset as a run sees it: on its ground, scaled to its bucket, cut.

Runs in a worker process with a memory limit and a deadline. Knows no dataset.
"""

from io import BytesIO

import anyio
import anyio.to_process
from msgspec import Struct
from PIL import Image

from core.errors import Unavailable
from core.media.decode import BROKEN, MEMORY, limit_memory

DEADLINE = 20.0  # seconds for one picture
_WAITING = 32  # that may wait for another

_limiter = anyio.CapacityLimiter(1)
_workers = anyio.CapacityLimiter(1)  # of their own: who looks does not keep what comes in waiting


class Wanted(Struct, frozen=True, kw_only=True):
    """How a picture is to be seen."""

    scaled: tuple[int, int]  # width, height in pixels
    window: tuple[int, int, int, int]  # left, top, right, bottom of what is kept, once scaled
    ground: tuple[int, int, int] | None  # what shows through; null: it stays clear


async def show(data: bytes, wanted: Wanted) -> bytes:
    """Cut a picture in a worker process, one at a time; gives a PNG.

    :raises Unavailable: ``preview_failed`` behind many others, past the deadline, for want of
        memory, or where the file was damaged.
    """
    if _limiter.statistics().tasks_waiting >= _WAITING:
        raise Unavailable("preview_failed")
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE):
                made = await anyio.to_process.run_sync(
                    _work, data, wanted, MEMORY, cancellable=True, limiter=_workers
                )
    except (TimeoutError, anyio.BrokenWorkerProcess) as error:
        raise Unavailable("preview_failed") from error
    if made is None:
        raise Unavailable("preview_failed")
    return made


def shown(data: bytes, wanted: Wanted) -> bytes:
    """Lay a PNG of ours on its ground, then scale only what is kept of it, as a run does."""
    with Image.open(BytesIO(data), formats=["PNG"]) as opened:
        opened.load()
        image: Image.Image = opened
    if image.mode == "RGBA" and wanted.ground is not None:
        ground = Image.new("RGBA", image.size, (*wanted.ground, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    left, top, right, bottom = wanted.window
    across, down = image.width / wanted.scaled[0], image.height / wanted.scaled[1]
    if image.size == wanted.scaled:
        image = image.crop(wanted.window)
    else:
        box = (
            left * across, top * down,
            min(image.width, right * across), min(image.height, bottom * down),
        )  # fmt: skip
        image = image.resize((right - left, bottom - top), Image.Resampling.LANCZOS, box=box)
    out = BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _work(data: bytes, wanted: Wanted, memory: int) -> bytes | None:
    limit_memory(memory)
    try:
        return shown(data, wanted)
    except (MemoryError, *BROKEN):
        return None
