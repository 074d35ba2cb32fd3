"""A real server that shows previews of its own making: ``python -m tests.bench.pulse FOLDER``.

Writes its port, then a line whenever it was asked for one: how many previews it has shown.
The scripted engine's previews are of a few bytes; these have the size of real ones.
"""

import sys
from pathlib import Path

import anyio

from core.config import load
from core.events.bus import Bus
from core.records.events import JobPreview
from server import lifespan
from server.serve import Server, bind

RATE, SIZE = 10.0, 40_000  # previews a second, bytes of each


async def main(folder: Path) -> None:
    """Serve, and show a new preview of one job again and again."""
    config = load(flags={"data_dir": str(folder), "fake_engine": True}, environ={})
    async with lifespan.opened(config, scan=False) as state:
        listener = bind("127.0.0.1", 0)
        state.port = listener.getsockname()[1]
        sys.stdout.write(f"{state.port}\n")
        sys.stdout.flush()
        async with anyio.create_task_group() as group:
            group.start_soon(_show, state.bus)
            await Server(state).serve(sockets=[listener])
            group.cancel_scope.cancel()


async def _show(bus: Bus) -> None:
    data, step = bytes(SIZE), 0
    due = anyio.current_time()
    while True:
        step += 1
        bus.show(JobPreview(job="job", node="sample", step=step, steps=1 << 30, width=256,
                            height=256, mime="image/jpeg", data=data))  # fmt: skip
        due += 1 / RATE
        await anyio.sleep_until(due)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
