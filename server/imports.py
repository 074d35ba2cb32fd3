"""The import that runs: how far it is, and how it is asked to end.

``server.importer`` runs it, ``server.importing`` knows what one does.
"""

import anyio
import msgspec

from core.records.events import ImportProgress
from core.records.imports import MAX_REFUSALS, Import, Refusal
from core.store.imports import Tally

_SHOWN = 300  # characters of a path


class Live:
    """One import that runs."""

    def __init__(self, row: Import) -> None:
        self.row = row
        self.tally = Tally()
        self.looking = True
        self.canceled = False
        self.ended = anyio.Event()

    def refuse(self, file: str, code: str) -> None:
        """Count a file that is not taken in; the first hundred are told by name."""
        tally = self.tally
        tally.refused += 1
        tally.reasons[code] = tally.reasons.get(code, 0) + 1
        if len(tally.refusals) < MAX_REFUSALS:
            tally.refusals.append(Refusal(file=file[-_SHOWN:], code=code))

    def frame(self) -> ImportProgress:
        """Say how far it is."""
        tally = self.tally
        return ImportProgress(
            import_id=self.row.id, looking=self.looking, found=tally.found, added=tally.added,
            known=tally.known, refused=tally.refused,
        )  # fmt: skip


class Imports:
    """The imports of one server; one at a time, as each keeps the disk and two workers busy."""

    def __init__(self) -> None:
        self._bell = anyio.Event()
        self.live: Live | None = None

    def hang(self) -> anyio.Event:
        """Give the bell that rings next."""
        self._bell = anyio.Event()
        return self._bell

    def ring(self) -> None:
        """Look for work: somebody asked for an import."""
        self._bell.set()

    def show(self, held: Import) -> Import:
        """Show an import as it is now."""
        if self.live is None or self.live.row.id != held.id or held.ended is not None:
            return held
        return msgspec.structs.replace(held, **msgspec.structs.asdict(self.live.tally))
