"""Figures of the writer since the file was opened, and whether its last commit went well.

Observed around each commit, on the loop's thread. Knows no SQL.
"""

import sqlite3
import time
from collections.abc import Iterable

from core.errors import DatabaseFailing, DiskFull, HeliographError
from core.meters import COUNTS, Histogram


def _named(fault: BaseException) -> str:
    return fault.name if isinstance(fault, HeliographError) else type(fault).__name__


class CommitMeters:
    """What commits cost, how many transactions share one, and the fault that stands."""

    def __init__(self) -> None:
        self.seconds = Histogram()
        self.folded = Histogram(COUNTS)  # transactions that shared a commit
        self.failed = 0  # commits of which something was undone by the database or the disk
        self.fault: str | None = None  # code of the newest commit's; None when it went well
        self.ended = time.monotonic()  # when the newest commit was over
        self._began: float | None = None

    def begin(self) -> None:
        """Note that a commit is handed to the writing thread."""
        self._began = time.monotonic()

    def end(self, errors: Iterable[BaseException | None]) -> None:
        """Note that it is over, with the error of each of its transactions.

        What a callable itself refused is no fault of the database.
        """
        self.ended = time.monotonic()
        if self._began is not None:
            self.seconds.observe(self.ended - self._began)
        self._began = None
        found = list(errors)
        self.folded.observe(len(found))
        faults = [
            one for one in found if isinstance(one, DatabaseFailing | DiskFull | sqlite3.Error)
        ]
        self.fault = _named(faults[0]) if faults else None
        self.failed += bool(faults)

    def running(self) -> float:
        """Give the seconds that the present commit has taken; 0 without one."""
        return 0.0 if self._began is None else time.monotonic() - self._began
