"""One subscriber: a cursor into the ring of facts, and one slot for each frame key.

Holds no facts of its own but the batch it last read from the database, so that an idle or a slow
subscriber costs next to nothing. Knows no sockets.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Self

import anyio
from anyio.lowlevel import checkpoint

from core.errors import HeliographError, Malformed
from core.events.ring import Entry, Ring
from core.events.wire import Message, Text, encode
from core.records.events import TOPICS, AnyFrame, Numbered, Topic

Read = Callable[[int, int], Awaitable[list[Numbered]]]  # (since, limit) → facts after since

DEFAULT_TOPICS: frozenset[Topic] = frozenset(TOPICS) - {"previews"}
_BATCH = 500  # facts read from the database at once
_SLOTS = 256  # frame keys a subscriber; the oldest goes
_TURN = 64  # messages after which others get a turn


class Lagged(HeliographError):
    """Raised when a subscriber is so slow that what it needs next is no longer stored.

    Params: seq, the last fact it was given.
    """

    code = "lagged"


class Shown:
    """A frame on its way to several subscribers, encoded when the first of them takes it."""

    __slots__ = ("_frame", "_message", "job", "key", "owner", "topic")

    def __init__(self, frame: AnyFrame, owner: str | None) -> None:
        self.topic: Topic = frame.topic
        self.owner = owner
        self.job: str | None = getattr(frame, "job", None)
        self.key = frame.key()
        self._frame = frame
        self._message: Message | None = None

    @property
    def message(self) -> Message:
        """Encode the frame, once for everybody."""
        if self._message is None:
            self._message = encode(self._frame)
        return self._message


class Subscriber:
    """Facts in order without a gap, then the newest frames; made by ``Bus.subscribe``.

    :ivar resumed: whether ``since`` was given and could be honoured; else it starts at ``head``.
    :ivar head: the newest number when it subscribed.
    """

    __slots__ = (
        "_asleep", "_backlog", "_bell", "_changed", "_closed", "_cursor", "_jobs", "_owner",
        "_read", "_ring", "_slots", "_topics", "_turn", "head", "resumed",
    )  # fmt: skip

    def __init__(
        self,
        ring: Ring,
        read: Read,
        changed: Callable[[], None],
        *,
        topics: Iterable[Topic] | None,
        jobs: Iterable[str] | None,
        owner: str | None,
    ) -> None:
        self._ring = ring
        self._read = read
        self._changed = changed
        self._topics = DEFAULT_TOPICS if topics is None else frozenset(topics)
        self._jobs = None if jobs is None else frozenset(jobs)
        self._owner = owner
        self._cursor = self.head = ring.head  # facts up to here are given, passed over or read
        self.resumed = False
        self._backlog: deque[Text] = deque()  # read from the database, not yet given
        self._slots: dict[tuple[str, ...], Shown] = {}
        self._bell = asyncio.Event()  # anyio's cannot be cleared
        self._asleep = False
        self._closed = False
        self._turn = 0

    @property
    def seq(self) -> int:
        """Number of the last fact that was given or passed over."""
        return self._backlog[0].seq - 1 if self._backlog else self._cursor

    @property
    def previews(self) -> frozenset[str] | None:
        """Jobs of which it wants previews; ``None`` means all of them."""
        return self._jobs if "previews" in self._topics else frozenset()

    async def resume(self, since: int) -> None:
        """Start after ``since``, or at the head when that is no longer stored.

        :raises Malformed: ``seq_ahead`` for a number that was not given yet.
        """
        if not 0 <= since <= self._ring.head:
            raise Malformed("seq_ahead", since=since, head=self._ring.head)
        self._cursor = since
        self.resumed = True
        if since + 1 < self._ring.first:
            try:
                await self._refill()
            except Lagged:
                self.resumed = False
                self._cursor = self.head = self._ring.head

    def change(self, topics: Iterable[Topic], jobs: Iterable[str] | None = None) -> None:
        """Replace the filters; for facts from here on, for frames at once."""
        self._topics = frozenset(topics)
        self._jobs = None if jobs is None else frozenset(jobs)
        self._slots = {key: shown for key, shown in self._slots.items() if self._wants(shown)}
        self._changed()

    async def receive(self) -> Message:
        """Wait for the next message: facts first, then frames in turn.

        :raises EndOfStream: when the bus was closed.
        :raises Lagged: when the next fact is no longer stored.
        """
        self._turn += 1
        if self._turn % _TURN == 0:
            await checkpoint()
        while (message := self.receive_nowait()) is None:
            if self._closed:
                raise anyio.EndOfStream
            if self._cursor < self._ring.head:
                await self._refill()
                continue
            self._asleep = True
            self._bell.clear()
            try:
                await self._bell.wait()
            finally:
                self._asleep = False
        return message

    def receive_nowait(self) -> Message | None:
        """Take a message that needs no waiting and no database; ``None`` if there is none."""
        if self._backlog:
            return self._backlog.popleft()
        ring = self._ring
        while self._cursor < ring.head:
            if self._cursor + 1 < ring.first:
                return None
            self._cursor += 1
            entry = ring.at(self._cursor)
            if self._wants(entry):
                return entry.message
        if self._slots:
            return self._slots.pop(next(iter(self._slots))).message
        return None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        try:
            return await self.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    # What the bus calls. Never waits.

    def offer(self, entries: list[Entry]) -> None:
        """Hear of new entries of the ring: wake if waiting for one of them, else pass over them."""
        if not self._asleep:
            return  # it will come to them by itself
        for entry in entries:
            if self._wants(entry):
                self._wake()
                return
            self._cursor = entry.seq

    def show(self, shown: Shown) -> None:
        """Put a frame into its slot, if it is wanted, in place of an older one."""
        if not self._wants(shown):
            return
        self._slots[shown.key] = shown
        if len(self._slots) > _SLOTS:
            del self._slots[next(iter(self._slots))]
        self._wake()

    def forget(self, key: tuple[str, ...]) -> None:
        """Empty a frame's slot."""
        self._slots.pop(key, None)

    def close(self) -> None:
        """End the iteration once the facts at hand are taken."""
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        if self._asleep:
            self._bell.set()
            self._asleep = False  # until it sleeps again its cursor is its own

    def _wants(self, item: Entry | Shown | Numbered) -> bool:
        return (
            item.topic in self._topics
            and (self._jobs is None or item.job in self._jobs)
            and (self._owner is None or item.owner is None or item.owner == self._owner)
        )

    async def _refill(self) -> None:
        facts = await self._read(self._cursor, _BATCH)
        if not facts or facts[0].seq != self._cursor + 1:
            raise Lagged(seq=self._cursor)
        self._cursor = facts[-1].seq
        self._backlog.extend(Text(f.text, f.seq) for f in facts if self._wants(f))
