"""Tell everybody what happened: facts through one shared ring, frames through slots.

``publish`` and ``show`` are sync and never wait; a slow subscriber is a cursor that stays behind.
Facts arrive here stored and numbered (``core.store``); knows no sockets.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from core.events.ring import Ring
from core.events.subscriber import Read, Shown, Subscriber
from core.records.events import AnyFrame, Numbered, Topic

Watched = frozenset[str] | None  # None: all jobs

_ENDED_FACT = b'"type":"job.ended"'  # quotes inside JSON strings are escaped: no text can fake it
_ENDED = 8192  # ended jobs that are remembered, so that late frames of them are dropped


class Bus:
    """The one place where facts and frames meet those who want them.

    :param read: ``(since, limit)`` → stored facts after ``since``, oldest first, without a gap.
    :param head: number of the newest stored fact, if it is known already.
    :param count: facts that are kept in memory; who is further behind reads from the store.
    :param size: bytes of their text.
    """

    def __init__(
        self, read: Read, *, head: int = 0, count: int = 4096, size: int = 8 * 1024 * 1024
    ) -> None:
        self._read = read
        self._ring = Ring(head=head, count=count, size=size)
        self._subscribers: dict[Subscriber, None] = {}
        self._keys: dict[str, set[tuple[str, ...]]] = {}  # job → slots its frames went to
        self._ended: dict[str, None] = {}
        self._watched: Watched = frozenset()
        self._watchers: list[Callable[[Watched], None]] = []
        self._closed = False

    @property
    def head(self) -> int:
        """Number of the newest fact that was published."""
        return self._ring.head

    def lag(self) -> int:
        """Count the facts that the slowest subscriber has not been given yet."""
        return max((self.head - each.seq for each in self._subscribers), default=0)

    def start(self, head: int) -> None:
        """Go on after ``head``: the newest stored fact of an earlier run. Call before subscribing.

        Does nothing when newer facts were published already.
        """
        if head > self._ring.head:
            self._ring.start(head)

    def publish(self, facts: Sequence[Numbered]) -> None:
        """Make facts known, in the order of their numbers; wakes only those who want one.

        A ``job.ended`` drops the frames of its job: none is delivered after it.
        """
        entries = self._ring.push(facts)
        if not entries:
            return
        for fact in facts:
            if fact.job is not None and fact.topic == "jobs" and _ENDED_FACT in fact.text:
                self.ended(fact.job)
        for subscriber in self._subscribers:
            subscriber.offer(entries)

    def show(self, frame: AnyFrame, *, owner: str | None = None) -> None:
        """Show something going on, to ``owner`` alone if given. A frame of an ended job is dropped.

        It replaces the older one of its key for whoever has not taken that yet.
        """
        shown = Shown(frame, owner)
        if shown.job is not None:
            if shown.job in self._ended:
                return
            self._keys.setdefault(shown.job, set()).add(shown.key)
            if len(self._keys) > _ENDED:
                del self._keys[next(iter(self._keys))]
        for subscriber in self._subscribers:
            subscriber.show(shown)

    def ended(self, job: str) -> None:
        """Drop what is shown of a job, and whatever comes later of it."""
        self._ended[job] = None
        if len(self._ended) > _ENDED:
            del self._ended[next(iter(self._ended))]
        for key in self._keys.pop(job, ()):
            for subscriber in self._subscribers:
                subscriber.forget(key)

    @asynccontextmanager
    async def subscribe(
        self,
        topics: Iterable[Topic] | None = None,
        jobs: Iterable[str] | None = None,
        owner: str | None = None,
        since: int | None = None,
    ) -> AsyncGenerator[Subscriber]:
        """Follow facts and frames for as long as the context is open.

        :param topics: ``None`` means all but previews.
        :param jobs: only what belongs to these jobs; ``None`` means everything.
        :param owner: only what is his or everybody's; ``None`` sees all (an admin).
        :param since: number of the last fact seen; those after it come first, without a gap.
        :raises Malformed: ``seq_ahead`` when ``since`` is newer than the newest fact.
        """
        subscriber = Subscriber(
            self._ring, self._read, self._watch, topics=topics, jobs=jobs, owner=owner
        )
        self._subscribers[subscriber] = None
        self._watch()
        try:
            if since is not None:
                await subscriber.resume(since)
            if self._closed:
                subscriber.close()
            yield subscriber
        finally:
            del self._subscribers[subscriber]
            self._watch()

    def watched(self) -> Watched:
        """Say of which jobs previews are wanted; ``None`` means all, empty means none."""
        return self._watched

    def on_watch(self, callback: Callable[[Watched], None]) -> None:
        """Call back whenever ``watched`` changes. Must not wait."""
        self._watchers.append(callback)

    def close(self) -> None:
        """End every subscription once the facts at hand are taken, and those to come."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()

    def _watch(self) -> None:
        watched: Watched = frozenset()
        for subscriber in self._subscribers:
            wanted = subscriber.previews
            if wanted is None:
                watched = None
                break
            assert watched is not None
            watched |= wanted
        if watched != self._watched:
            self._watched = watched
            for callback in self._watchers:
                callback(watched)
