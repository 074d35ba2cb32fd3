"""``Heliograph``: the client without ``async``. Each method is that of ``AsyncHeliograph``.

A loop of its own runs on a thread; callbacks are called there.
"""

from collections.abc import AsyncGenerator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio.from_thread import BlockingPortal, start_blocking_portal

from core.records.events import JobPreview, JobProgress, Topic
from core.records.image import Image
from core.records.job import Job
from core.records.model import Model
from core.records.training import LossPoint, Training
from server.client.studio import PATIENCE, AsyncHeliograph, Drawn
from server.client.watching import Event

T = TypeVar("T")


class Heliograph:
    """A server, reached by its URL; see ``AsyncHeliograph`` for what its methods take and raise."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:9292",
        token: str = "",
        *,
        on_behalf_of: str = "",
        patience: float = PATIENCE,
    ) -> None:
        self._given = partial(
            AsyncHeliograph, url, token, on_behalf_of=on_behalf_of, patience=patience
        )
        self._opener = start_blocking_portal()
        self._portal: BlockingPortal | None = None
        self._studio: AsyncHeliograph | None = None

    def __enter__(self) -> "Heliograph":
        """Open the line."""
        self._portal = self._opener.__enter__()
        self._studio = self._portal.call(self._made)
        return self

    def __exit__(self, *error: object) -> None:
        """Close it."""
        portal, studio = self._held()
        try:
            portal.call(studio.__aexit__, None, None, None)
        finally:
            self._opener.__exit__(None, None, None)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Make any other request."""
        portal, studio = self._held()
        return portal.call(partial(studio.call, method, path, body, **query))

    def generate(
        self,
        prompt: str,
        *,
        wait: bool = True,
        on_progress: Callable[[JobProgress], None] | None = None,
        on_preview: Callable[[JobPreview], None] | None = None,
        **fields: Any,
    ) -> Drawn:
        """Draw pictures."""
        portal, studio = self._held()
        return portal.call(
            partial(
                studio.generate, prompt, wait=wait, on_progress=on_progress,
                on_preview=on_preview, **fields,
            )
        )  # fmt: skip

    def enqueue(self, **fields: Any) -> Drawn:
        """Queue jobs: a graph or a recipe, and how they vary."""
        portal, studio = self._held()
        return portal.call(partial(studio.enqueue, **fields))

    def wait(self, drawn: Drawn) -> Drawn:
        """Wait for what was queued; give it with its pictures."""
        portal, studio = self._held()
        return portal.call(studio.wait, drawn)

    def job(self, job: str) -> Job:
        """Read one job."""
        portal, studio = self._held()
        return portal.call(studio.job, job)

    def cancel(self, job: str) -> None:
        """Cancel a job."""
        portal, studio = self._held()
        portal.call(studio.cancel, job)

    def watch(self, *topics: Topic, since: int | None = None) -> Iterator[Event]:
        """Follow what happens."""
        _, studio = self._held()
        return self._each(studio.watch(*topics, since=since))

    def upload(self, picture: bytes | Path) -> Image:
        """Send a picture to begin others with."""
        portal, studio = self._held()
        return portal.call(studio.upload, picture)

    def picture(self, image: Image | str, format: str = "png") -> bytes:  # noqa: A002
        """Fetch a picture's file."""
        portal, studio = self._held()
        return portal.call(studio.picture, image, format)

    def search(self, words: str = "", **filters: Any) -> Iterator[Image]:
        """Find pictures, newest first."""
        _, studio = self._held()
        return self._each(studio.search(words, **filters))

    def models(self, **filters: Any) -> list[Model]:
        """List models."""
        portal, studio = self._held()
        return portal.call(partial(studio.models, **filters))

    def train(
        self,
        dataset: str,
        *,
        wait: bool = True,
        on_loss: Callable[[LossPoint], None] | None = None,
        **recipe: Any,
    ) -> Training:
        """Teach a model the subject of a dataset."""
        portal, studio = self._held()
        return portal.call(partial(studio.train, dataset, wait=wait, on_loss=on_loss, **recipe))

    async def _made(self) -> AsyncHeliograph:
        return await self._given().__aenter__()

    def _each(self, found: AsyncGenerator[T]) -> Iterator[T]:
        portal, _ = self._held()
        try:
            while True:
                try:
                    yield portal.call(partial(anext, found))
                except StopAsyncIteration:
                    return
        finally:
            portal.call(found.aclose)

    def _held(self) -> tuple[BlockingPortal, AsyncHeliograph]:
        if self._portal is None or self._studio is None:
            raise RuntimeError("use it as a context: with Heliograph() as studio")
        return self._portal, self._studio
