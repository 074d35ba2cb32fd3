"""The baton: one fair, priority-aware lock for the device, held for one step at a time.

Knows who holds the device and in which phase. Knows nothing of what is done with it.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.engine.share import Share

_SLICE = 0.1  # seconds between two looks at a waiter's job


class Cancelled(BaseException):
    """Raised in a job's thread where it was canceled; no ``except Exception`` swallows it."""


class _Ticket:
    def __init__(self, phase: str, priority: int) -> None:
        self.phase = phase
        self.priority = priority
        self.since = 0.0  # when it got the device


class Baton:
    """A lock for the device: first come first served, interactive work (0) before training (-1).

    Lower priorities are guaranteed ``share`` of the device's time while higher ones want it too.
    """

    def __init__(self, share: float = 0.2) -> None:
        self._condition = threading.Condition()
        self._share = Share(share)
        self._waiting: list[_Ticket] = []  # in order of arrival
        self._holder: _Ticket | None = None
        self._aside: list[str] = []  # phases of slow work that needs no device, newest last
        self._moved = time.monotonic()

    @contextmanager
    def hold(
        self,
        job: str,
        phase: str,
        priority: int = 0,
        check: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        """Have the device for one step. Not reentrant: a holder that asks again waits for ever.

        :param job: for people who debug; the baton is fair between threads, not between jobs.
        :param phase: what is done: "load", "encode", "step", "decode", "train", …
        :param check: called while waiting, ten times a second; may raise to give up.
        """
        ticket = _Ticket(phase, priority)
        self._take(ticket, check)
        try:
            yield
        finally:
            self._give(ticket)

    def lend(self, after: float, check: Callable[[], None] | None = None) -> None:
        """Let those who wait have the device, and take it back; for its holder, amid long work.

        :param after: seconds that it was had for, below which nobody else gets it.
        :param check: called while waiting, as in ``hold``; where it raises the device is lost.
        """
        ticket = self._holder
        assert ticket is not None
        if self._waiting and time.monotonic() - ticket.since >= after:
            self._give(ticket)
            self._take(ticket, check)

    @contextmanager
    def aside(self, phase: str) -> Iterator[None]:
        """Name slow work that needs no device, such as reading weights from disk."""
        with self._condition:
            self._aside.append(phase)
        self.moved()
        try:
            yield
        finally:
            with self._condition:
                self._aside.remove(phase)
            self.moved()

    def moved(self) -> None:
        """Note that something moved; the server kills an engine in which nothing does."""
        self._moved = time.monotonic()

    def phase(self) -> str:
        """Say what holds the device, else what is done beside it, else "idle"."""
        holder, aside = self._holder, self._aside[-1:]
        return holder.phase if holder else aside[0] if aside else "idle"

    def age(self) -> float:
        """Give the seconds since anything moved."""
        return time.monotonic() - self._moved

    def wanted(self, priority: int = 0) -> bool:
        """Say whether somebody of at least this priority waits; lets training yield early."""
        return any(ticket.priority >= priority for ticket in tuple(self._waiting))

    def _take(self, ticket: _Ticket, check: Callable[[], None] | None) -> None:
        with self._condition:
            self._waiting.append(ticket)
            try:
                while self._holder is not None or self._next() is not ticket:
                    pause = self._share.pause(time.monotonic())
                    self._condition.wait(_SLICE if pause is None else min(_SLICE, pause))
                    if check is not None:
                        check()
                self._holder = ticket
                self._moved = ticket.since = time.monotonic()
                self._share.took(ticket.priority, self._priorities(), ticket.since)
            finally:
                self._waiting.remove(ticket)
                self._condition.notify_all()

    def _give(self, ticket: _Ticket) -> None:
        with self._condition:
            if self._holder is not ticket:  # lent, and not taken back
                return
            self._moved = now = time.monotonic()
            self._share.gave(ticket.priority, now - ticket.since, self._priorities(), now)
            self._holder = None
            self._condition.notify_all()

    def _next(self) -> _Ticket | None:
        chosen = self._share.next(self._priorities(), time.monotonic())
        return None if chosen is None else self._waiting[chosen]

    def _priorities(self) -> list[int]:
        return [ticket.priority for ticket in self._waiting]
