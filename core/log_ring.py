"""The newest lines of the log in memory, numbered, for whoever may read them from afar.

Bounded in lines and in their length. Holds nothing below INFO, so no prompt. Knows no HTTP.
"""

import itertools
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta, Struct

from core.log import beside, escape, with_traceback

LINES = 2_000
_LONGEST = 4_000  # characters of a message; a traceback's last lines say most
_FORMATTER = logging.Formatter()
_VALUE = 300  # characters of what is said beside it


class LogLine(Struct, frozen=True, kw_only=True):
    """One line of the log."""

    seq: Annotated[int, Meta(description="Number of the line since the server started.")]
    at: str
    level: str
    logger: str
    message: str
    extra: Annotated[
        dict[str, str | int | float | bool | None],
        Meta(description="What is said by name: request_id, job, action, seconds, …"),
    ] = {}


class LogRing(logging.Handler):
    """Keeps the newest lines."""

    def __init__(self, lines: int = LINES) -> None:
        super().__init__(logging.INFO)
        self._held: deque[LogLine] = deque(maxlen=lines)
        self._numbers = itertools.count(1)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record's words; called under the handler's own lock."""
        self._held.append(
            LogLine(
                seq=next(self._numbers),
                at=datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
                level=record.levelname,
                logger=record.name,
                message=escape(_ends(with_traceback(_FORMATTER, record))),
                extra={name: _plain(value) for name, value in beside(record).items()},
            )
        )

    def after(self, seq: int, limit: int, level: str = "INFO") -> list[LogLine]:
        """Give up to ``limit`` lines that follow ``seq``, oldest first.

        :param level: the least that is wanted.
        """
        levels = logging.getLevelNamesMapping()
        least = levels[level]
        self.acquire()
        try:
            held = list(self._held)
        finally:
            self.release()
        wanted = (one for one in held if one.seq > seq and levels.get(one.level, least) >= least)
        return list(itertools.islice(wanted, limit))

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Keep what every logger says, for as long as the context is open."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)


def _plain(value: object) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    return escape(str(value)[:_VALUE])


def _ends(text: str) -> str:
    """Shorten a text in its middle."""
    if len(text) <= _LONGEST:
        return text
    half = _LONGEST // 2
    return f"{text[:half]} … {text[-half:]}"
