"""An engine that writes down who had the device when: ``python -m tests.bench.held FILE OPTIONS``.

Lines of "begun ended phase job", in seconds of the monotonic clock, which all processes share.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from core.engine.__main__ import serve
from core.ipc.commands import EngineOptions


def write_down(path: Path) -> None:
    """Let every baton of this process write into a file."""
    from core.engine.baton import Baton  # late: the pipes come first

    file = path.open("w", buffering=1)
    hold = Baton.hold

    @contextmanager
    def noted(
        self: Baton,
        job: str,
        phase: str,
        priority: int = 0,
        check: Callable[[], None] | None = None,
    ) -> Iterator[None]:
        with hold(self, job, phase, priority, check):
            begun = time.monotonic()
            try:
                yield
            finally:
                file.write(f"{begun:.6f} {time.monotonic():.6f} {phase} {job}\n")

    Baton.hold = noted  # type: ignore[method-assign]


if __name__ == "__main__":
    write_down(Path(sys.argv[1]))
    os._exit(serve(msgspec.json.decode(sys.argv[2], type=EngineOptions)))
