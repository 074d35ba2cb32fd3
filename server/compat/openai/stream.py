"""The events of a request to OpenAI's Images API that asks to watch: server-sent events.

Partial pictures are the previews that everybody sees, as many as were asked for, evenly over the
steps. Comments keep the line alive. Source: OpenAI's reference of streaming events; WHATWG HTML
section 9.2 for the form.
"""

import base64
import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
from starlette.responses import Response, StreamingResponse

from core.errors import HeliographError
from core.events import wire
from core.events.wire import Binary, Message, Text
from core.graph.recipes import Generate
from core.records.events import Topic
from core.records.image import Image
from server import codec, dialects, problems
from server.actions import jobs
from server.compat import waiting
from server.compat.openai.ask import Ask
from server.route import Request
from server.state import State

KEEP_ALIVE = 15.0  # seconds without a word, after which a comment is sent
_PREFIX = {"generation": "image_generation", "edit": "image_edit"}


async def answer(request: Request, ask: Ask, wanted: Generate, kind: str) -> Response:
    """Queue a request and tell of it as it goes; problems of the request itself are raised."""
    since = request.studio.bus.head
    made = await jobs.generate(request.studio, request.principal, wanted)
    told = _Told(request, ask, _PREFIX[kind], [job.id for job in made.jobs])
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(told.lines(since), 200, headers, "text/event-stream")


async def encoded(state: State, ask: Ask, image: Image) -> str:
    """Give a picture as base64 in the format that was asked for."""
    lossy = None if ask.output_compression is None else max(1, ask.output_compression)
    data = await waiting.content(state, image, ask.output_format, lossy)
    return base64.b64encode(data).decode("ascii")


class _Told:
    """One request that is watched."""

    def __init__(self, request: Request, ask: Ask, prefix: str, wanted: list[str]) -> None:
        self._request, self._ask, self._prefix, self._wanted = request, ask, prefix, wanted
        self._shown = dict.fromkeys(wanted, 0)  # job → partial pictures that were sent

    async def lines(self, since: int) -> AsyncIterator[bytes]:
        """Give events until every job has ended, and comments while nothing happens."""
        state, left = self._request.studio, dict.fromkeys(self._wanted)
        topics: list[Topic] = ["jobs", "previews"] if self._ask.partial_images else ["jobs"]
        try:
            async with state.bus.subscribe(topics=topics, jobs=self._wanted, since=since) as heard:
                while left:
                    message: Message | None = None
                    with anyio.move_on_after(KEEP_ALIVE):
                        message = await heard.receive()
                    if message is None:
                        yield b": keepalive\n\n"
                    elif isinstance(message, Binary):
                        yield self._preview(message)
                    elif (job := _ended(message)) in left:
                        del left[job]
                        for line in await self._final(job):
                            yield line
        except (HeliographError, anyio.EndOfStream) as error:
            yield self._refusal(error)
        finally:
            if left:
                await waiting.left(self._request, list(left))

    def _preview(self, message: Binary) -> bytes:
        """Write a preview if its turn has come: picture i of k at i / (k + 1) of the steps."""
        header, data = wire.split(message.data)
        job, count = header["job"], self._ask.partial_images
        place = self._shown.get(job, count)
        if place >= count or header["step"] * (count + 1) < header["steps"] * (place + 1):
            return b""
        self._shown[job] = place + 1
        event = self._event(data, header["width"], header["height"], header["mime"])
        return self._line("partial_image", {**event, "partial_image_index": place})

    async def _final(self, job: str) -> list[bytes]:
        made = await waiting.read(self._request.studio, [job])
        lines = []
        for image in made.images:
            text = await encoded(self._request.studio, self._ask, image)
            event = self._named(text, image.width, image.height, self._ask.output_format)
            lines.append(self._line("completed", event))
        return lines

    def _event(self, data: bytes, width: int, height: int, mime: str) -> dict[str, Any]:
        text = base64.b64encode(data).decode("ascii")
        return self._named(text, width, height, mime.removeprefix("image/"))

    def _named(self, text: str, width: int, height: int, format_: str) -> dict[str, Any]:
        return {
            "b64_json": text, "created_at": int(time.time()), "size": f"{width}x{height}",
            "quality": self._ask.quality, "background": "opaque", "output_format": format_,
        }  # fmt: skip

    def _line(self, what: str, event: dict[str, Any]) -> bytes:
        name = f"{self._prefix}.{what}"
        return _written(name, {"type": name, **event})

    def _refusal(self, error: Exception) -> bytes:
        request = self._request
        shown = problems.document(
            error, request.studio.words, request.language, request.scope["request_id"]
        )
        return _written("error", {"type": "error", **dialects.openai(shown).body})


def _ended(message: Text) -> str | None:
    """Name the job whose end a message tells."""
    fact: dict[str, Any] = msgspec.json.decode(message.data)
    return fact["job"] if fact.get("type") == "job.ended" else None


def _written(name: str, event: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + codec.encode(event) + b"\n\n"
