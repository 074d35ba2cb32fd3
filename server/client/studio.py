"""The client for programs: what a server does, as methods with types.

Answers are the server's own records. Every request that makes something carries an idempotency
key, so that it is done once however often the line breaks.
"""

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anyio
import msgspec
from msgspec import Struct

from core.errors import HeliographError
from core.graph.recipes import Generate
from core.media import sniff
from core.records.events import (
    JobEnded,
    JobPreview,
    JobProgress,
    Topic,
    TrainingEnded,
    TrainingLoss,
)
from core.records.image import Image
from core.records.job import Job
from core.records.model import Model
from core.records.training import LossPoint, Training
from server.client.line import Client
from server.client.watching import Event, Opened, watch

T = TypeVar("T")
PATIENCE = 60.0  # seconds that a server may be away


class Drawn(Struct, frozen=True, kw_only=True):
    """What came of a request: its jobs, and their pictures once they are done."""

    batch: str
    jobs: list[Job]
    images: list[Image] = []


class AsyncHeliograph:
    """A server, reached by its URL.

    :param token: where it needs one.
    :param on_behalf_of: name of the user that a bot asks for: fair share, lists and cancel are
        that user's.
    :param patience: seconds that the server may be away before a method gives up.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:9292",
        token: str = "",
        *,
        on_behalf_of: str = "",
        patience: float = PATIENCE,
    ) -> None:
        self._line = Client(url, token, on_behalf_of=on_behalf_of)
        self._patience = patience

    async def __aenter__(self) -> "AsyncHeliograph":
        """Open the line."""
        await self._line.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close it."""
        await self._line.__aexit__(*error)

    async def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make any other request: ``path`` is that behind ``/api/v1``.

        :raises HeliographError: with the server's code and words, as every method here.
        """
        key = _key() if method == "POST" else None
        return await self._line.call(method, path, body, key=key, query=query)

    async def generate(
        self,
        prompt: str,
        *,
        wait: bool = True,
        on_progress: Callable[[JobProgress], None] | None = None,
        on_preview: Callable[[JobPreview], None] | None = None,
        **fields: Any,
    ) -> Drawn:
        """Draw pictures; ``fields`` are those of ``POST /generate``.

        :param wait: whether to return when the pictures are there, else at once.
        :raises HeliographError: also with what the first job that failed failed with.
        """
        ask = msgspec.to_builtins(msgspec.convert({"prompt": prompt, **fields}, Generate))
        made: Drawn | None = None

        async def begin() -> set[str]:
            nonlocal made
            made = msgspec.convert(await self.call("POST", "/generate", ask), Drawn)
            return {job.id for job in made.jobs}

        topics: tuple[Topic, ...] = ("jobs", "previews") if on_preview else ("jobs",)
        if not wait:
            await begin()
        else:
            async for event in self._follow(topics, begin):
                if isinstance(event, JobProgress) and on_progress:
                    on_progress(event)
                elif isinstance(event, JobPreview) and on_preview:
                    on_preview(event)
        assert made is not None
        return await self._drawn(made) if wait else made

    async def enqueue(self, **fields: Any) -> Drawn:
        """Queue jobs: ``graph`` or ``recipe``, ``sweep``, ``runs``, as of ``POST /jobs``."""
        made = await self.call("POST", "/jobs", fields)
        jobs = [await self.job(each) for each in made["jobs"]]
        return Drawn(batch=made["batch"], jobs=jobs)

    async def wait(self, drawn: Drawn) -> Drawn:
        """Wait for what was queued; give it with its pictures."""

        async def begin() -> set[str]:
            return {job.id for job in drawn.jobs}

        async for _ in self._follow(("jobs",), begin):
            pass
        return await self._drawn(drawn)

    async def job(self, job: str) -> Job:
        """Read one job."""
        return await self._get(f"/jobs/{job}", Job)

    async def cancel(self, job: str) -> None:
        """Cancel a job: at once while it waits, at its next step while it runs."""
        await self._line.call("POST", f"/jobs/{job}/cancel")

    async def watch(self, *topics: Topic, since: int | None = None) -> AsyncGenerator[Event]:
        """Follow what happens: facts (in order, without a gap), frames, and previews.

        A line that breaks is opened again and resumes where it was. ``Opened`` comes first, and
        after each break.

        :param topics: ``jobs``, ``previews``, ``training``, ``gallery``, ``models``, ``system``.
        :param since: number of the last fact seen; without it from now on.
        """
        async for event in watch(self._line, topics or ("jobs",), since, self._patience):
            yield event

    async def upload(self, picture: bytes | Path) -> Image:
        """Send a picture (PNG, JPEG or WebP) to begin others with."""
        data = picture if isinstance(picture, bytes) else await anyio.Path(picture).read_bytes()
        headers = {"content-type": f"image/{sniff.sniff(data).format}"}
        return msgspec.convert(await self._line.upload("/uploads", data, headers), Image)

    async def picture(self, image: Image | str, format: str = "png") -> bytes:  # noqa: A002
        """Fetch a picture's file: png, jpeg or webp."""
        return await self._line.picture(image if isinstance(image, str) else image.id, format)

    async def search(self, words: str = "", **filters: Any) -> AsyncGenerator[Image]:
        """Find pictures, newest first; ``filters`` are those of ``GET /images``."""
        async for found in self._pages("/images", {"q": words or None, **filters}):
            yield msgspec.convert(found, Image)

    async def models(self, **filters: Any) -> list[Model]:
        """List models; ``filters`` are those of ``GET /models``: kind, family, q."""
        return [msgspec.convert(each, Model) async for each in self._pages("/models", filters)]

    async def train(
        self,
        dataset: str,
        *,
        wait: bool = True,
        on_loss: Callable[[LossPoint], None] | None = None,
        **recipe: Any,
    ) -> Training:
        """Teach a model the subject of a dataset; ``recipe`` is that of ``POST /trainings``.

        :param wait: whether to return when it is over, else at once.
        """
        training = ""

        async def begin() -> set[str]:
            nonlocal training
            made = await self.call("POST", "/trainings", {"dataset": dataset, **recipe})
            training = made["training"]
            return {training}

        if not wait:
            await begin()
        else:
            async for event in self._follow(("training",), begin, "training", TrainingEnded):
                if isinstance(event, TrainingLoss) and on_loss:
                    for point in event.points:
                        on_loss(point)
        return await self._get(f"/trainings/{training}", Training)

    async def _follow(
        self,
        topics: Sequence[Topic],
        begin: Callable[[], Awaitable[set[str]]],
        name: str = "job",
        ended: type[Struct] = JobEnded,
    ) -> AsyncIterator[Event]:
        """Begin something once the line is open, and give its events until all of it has ended.

        :param begin: gives the ids that are followed.
        :param name: field of events that holds such an id.
        """
        left: set[str] | None = None
        async for event in watch(self._line, topics, None, self._patience):
            if isinstance(event, Opened):
                left = await begin() if left is None else left
                if not event.resumed:  # what ended unseen is told by nobody any more
                    left -= {each for each in left if await self._is_over(name, each)}
            elif left and (which := getattr(event, name, None)) in left:
                yield event
                if isinstance(event, ended):
                    left.discard(which)
            if not left:
                return

    async def _is_over(self, name: str, which: str) -> bool:
        found = await self._line.call("GET", f"/{name}s/{which}")
        return found["ended"] is not None

    async def _drawn(self, made: Drawn) -> Drawn:
        jobs = [await self.job(job.id) for job in made.jobs]
        for job in jobs:
            if job.error is not None:
                raise HeliographError(job.error.code, problems=(job.error,))
        wanted = [image for job in jobs for image in job.images]
        images = [await self._get(f"/images/{image}", Image) for image in wanted]
        return Drawn(batch=made.batch, jobs=jobs, images=images)

    async def _pages(self, path: str, filters: dict[str, Any]) -> AsyncIterator[Any]:
        cursor: str | None = None
        while True:
            query = {"limit": 200, **filters, "cursor": cursor}
            page = await self._line.call("GET", path, query=query)
            for each in page["items"]:
                yield each
            cursor = page["next"]
            if cursor is None:
                return

    async def _get(self, path: str, kind: type[T]) -> T:
        return msgspec.convert(await self._line.call("GET", path), kind)


def _key() -> str:
    return secrets.token_hex(16)
