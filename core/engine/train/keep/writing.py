"""One thread that writes what a run keeps, one thing at a time, while the run goes on.

Nothing is queued: who has the next thing to write waits until the one before is done, so that no
more than one copy of the state is in RAM. Knows no tensors and no folders.
"""

import logging
import threading
from collections.abc import Callable

from core.errors import HeliographError

log = logging.getLogger(__name__)

_SLICE = 0.1  # seconds between two signs of life of who waits
REFUSALS = (OSError, HeliographError, ValueError, TypeError, MemoryError)


class Writer:
    """Does one piece of work at a time on a thread of its own.

    :param idle: called every tenth of a second by who waits; may raise.
    """

    def __init__(self, idle: Callable[[], None] = lambda: None) -> None:
        self._idle = idle
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None

    @property
    def busy(self) -> bool:
        """Say whether something is being written."""
        return self._thread is not None and self._thread.is_alive()

    def write(self, work: Callable[[], None]) -> None:
        """Begin a piece of work, once the one before is done.

        :raises OSError, HeliographError: what the one before ended with.
        """
        self.wait()
        self._thread = threading.Thread(target=self._do, args=(work,), name="keeping", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is being written.

        :raises OSError, HeliographError: what the work ended with.
        """
        while self._thread is not None and self._thread.is_alive():
            self._thread.join(_SLICE)
            self._idle()
        self._thread = None
        error, self._error = self._error, None
        if error is not None:
            raise error

    def end(self) -> None:
        """Wait whatever happens, and let go of what the work ended with."""
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        if self._error is not None:
            log.warning("What was to be kept is not", exc_info=self._error)
        self._error = None

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except REFUSALS as error:
            self._error = error
