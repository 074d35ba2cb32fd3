"""The catalogue on disk: the last one that an engine sent, for the time until the next one does."""

import logging
import os

import anyio
import anyio.to_thread
import msgspec

from core.graph.catalogue import Catalogue
from core.paths import Layout, shipped

log = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Catalogue)


class Keeper:
    """Writes each new catalogue beside everything else: a slow disk holds nobody up."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._newest: Catalogue | None = None
        self._bell = anyio.Event()

    def offer(self, catalogue: Catalogue) -> None:
        """Take a catalogue; an older one that is not written yet is forgotten. Never waits."""
        self._newest = catalogue
        self._bell.set()

    async def run(self) -> None:
        """Write what was offered, until cancelled."""
        while True:
            await self._bell.wait()
            self._bell = anyio.Event()
            if self._newest is not None:
                await anyio.to_thread.run_sync(keep, self._layout, self._newest)


def keep(layout: Layout, catalogue: Catalogue) -> None:
    """Write a catalogue for the next start; a disk that cannot take it is no error."""
    fresh = layout.catalogue.with_suffix(".new")
    try:
        fresh.write_bytes(_encoder.encode(catalogue))
        os.replace(fresh, layout.catalogue)
    except OSError as error:
        log.warning("The catalogue was not kept: %s", error.strerror)


def last(layout: Layout) -> Catalogue:
    """Read the last catalogue that an engine sent, else the one that ships."""
    for file in (layout.catalogue, shipped("catalogue.json")):
        try:
            return _decoder.decode(file.read_bytes())
        except (OSError, msgspec.MsgspecError):
            continue
    return Catalogue(nodes={})
