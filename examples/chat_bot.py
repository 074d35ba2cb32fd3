"""A bot for a chat with many users: fair share, cancel and gallery for each of them.

The chat is a small protocol here (``Chat``): put your library's client behind it. Messages
``!draw a fox``, ``!mine``, ``!stop``.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, Protocol

from core.errors import HeliographError
from server.client import AsyncHeliograph


class Message(NamedTuple):
    """What somebody wrote."""

    user: str  # letters, digits, . _ @ + -
    text: str


class Chat(Protocol):
    """What a chat library does for the bot."""

    def messages(self) -> AsyncIterator[Message]:
        """Give what people write."""

    async def reply(self, to: Message, text: str, picture: bytes | None = None) -> None:
        """Answer somebody."""


class Bot:
    """Draws for everybody in a chat through one token."""

    def __init__(self, chat: Chat, url: str, token: str = "") -> None:
        self._chat, self._url, self._token = chat, url, token
        self._running: dict[str, list[str]] = {}  # user → jobs

    async def run(self) -> None:
        """Answer until the chat ends."""
        async with asyncio.TaskGroup() as group:
            async for message in self._chat.messages():
                group.create_task(self._answer(message))

    async def _answer(self, message: Message) -> None:
        word, _, rest = message.text.partition(" ")
        studio = AsyncHeliograph(self._url, self._token, on_behalf_of=message.user)
        async with studio:
            try:
                if word == "!draw" and rest:
                    await self._draw(studio, message, rest)
                elif word == "!mine":
                    found = [image.prompt or "" async for image in studio.search(limit=10)]
                    await self._chat.reply(message, "\n".join(found) or "nothing yet")
                elif word == "!stop":
                    for job in self._running.pop(message.user, []):
                        await studio.cancel(job)
                    await self._chat.reply(message, "stopped")
            except HeliographError as error:
                said = "; ".join(each.message or each.code for each in error.problems)
                await self._chat.reply(message, said or error.name)

    async def _draw(self, studio: AsyncHeliograph, message: Message, prompt: str) -> None:
        asked = await studio.generate(prompt, wait=False)
        self._running.setdefault(message.user, []).extend(job.id for job in asked.jobs)
        drawn = await studio.wait(asked)
        for image in drawn.images:
            picture = await studio.picture(image, "webp")
            await self._chat.reply(message, f"{prompt} (seed {image.seed})", picture)
