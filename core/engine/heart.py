"""The heart: a thread that says every two seconds that the process lives, and how it fares.

It beats before torch is imported, so a slow import is not taken for a hang. Knows neither jobs
nor models; ``tell`` is asked for them.
"""

import threading
from collections.abc import Callable

from core.engine.memory import machine_memory, resident
from core.engine.outbox import Outbox
from core.ipc.reports import Heartbeat

INTERVAL = 2.0  # seconds; the server allows 15


def importing() -> Heartbeat:
    """Say that nothing is ready yet."""
    rss = resident()
    return Heartbeat(
        jobs=[], phase="import", progress_age=0.0, rss=rss, used=rss, total=machine_memory(),
        models=[],
    )  # fmt: skip


class Heart:
    """Beats until the process ends; ``tell`` makes each heartbeat and may be replaced."""

    def __init__(self, outbox: Outbox, tell: Callable[[], Heartbeat] = importing) -> None:
        self.tell = tell
        self._outbox = outbox
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heart", daemon=True)

    def start(self) -> None:
        """Start to beat, the first time at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop after the present beat."""
        self._stopped.set()

    def _beat(self) -> None:
        while True:
            self._outbox.beat(self.tell())
            if self._stopped.wait(INTERVAL):
                return
