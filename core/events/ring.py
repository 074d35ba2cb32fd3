"""The newest facts, kept once for all subscribers. Knows no subscribers and no store."""

from collections.abc import Sequence

from core.events.wire import Text
from core.records.events import Numbered


class Entry:
    """A fact in the ring: what filters look at, and the message that goes out."""

    __slots__ = ("job", "message", "owner", "seq", "topic")

    def __init__(self, fact: Numbered) -> None:
        self.seq = fact.seq
        self.topic = fact.topic
        self.owner = fact.owner
        self.job = fact.job
        self.message = Text(fact.text, fact.seq)


class Ring:
    """Facts ``first`` … ``head`` without a gap, at most ``count`` of them and ``size`` bytes.

    When it is full the oldest goes: whoever still needs it reads it from the database.
    """

    def __init__(self, *, head: int = 0, count: int = 4096, size: int = 8 * 1024 * 1024) -> None:
        self._count = count
        self._size = size
        self._slots: list[Entry | None] = [None] * count
        self._bytes = 0
        self.head = head  # newest seq that was published
        self.first = head + 1  # oldest seq that is held; head + 1 when it is empty

    @property
    def held(self) -> int:
        """Count the bytes of text that are held."""
        return self._bytes

    def start(self, head: int) -> None:
        """Empty the ring and go on after ``head``."""
        self._slots = [None] * self._count
        self._bytes = 0
        self.head = head
        self.first = head + 1

    def push(self, facts: Sequence[Numbered]) -> list[Entry]:
        """Append facts in the order of their numbers; give back the new entries.

        A number that was seen already is passed over. A gap (never, as the store numbers without
        one) empties the ring first, so that what it holds stays without a gap.
        """
        pushed: list[Entry] = []
        for fact in facts:
            if fact.seq <= self.head:
                continue
            if fact.seq != self.head + 1:
                self.start(fact.seq - 1)
            if self.head - self.first + 1 == self._count:
                self._drop()
            entry = Entry(fact)
            self._slots[fact.seq % self._count] = entry
            self._bytes += len(fact.text)
            self.head = fact.seq
            while self._bytes > self._size and self.first < self.head:
                self._drop()
            pushed.append(entry)
        return pushed

    def at(self, seq: int) -> Entry:
        """Give the entry of a number between ``first`` and ``head``.

        :raises KeyError: when it is not held.
        """
        if not self.first <= seq <= self.head:
            raise KeyError(seq)
        entry = self._slots[seq % self._count]
        assert entry is not None
        return entry

    def _drop(self) -> None:
        place = self.first % self._count
        entry = self._slots[place]
        assert entry is not None
        self._bytes -= len(entry.message.data)
        self._slots[place] = None
        self.first += 1
