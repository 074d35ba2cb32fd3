"""Figures for Prometheus. Read when somebody asks; the library is imported then, too."""

import anyio.to_thread

from server.metrics import exposition, gathered
from server.metrics.machine import peak_memory
from server.state import State

__all__ = ["peak_memory", "text"]


async def text(state: State) -> tuple[str, bytes]:
    """Give the media type and the text of all figures."""
    families = await gathered.families(state)
    return await anyio.to_thread.run_sync(exposition.render, families, state.layout)
