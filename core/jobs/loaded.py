"""Which models the engine has in memory: its identities, and the rows that they stand for.

A model keeps the identity under which it was first used as long as its file stays the same, so
that a hash computed meanwhile does not make the engine load it again. Runs nothing.
"""

import logging
from collections.abc import Iterable
from pathlib import Path

import msgspec

from core.errors import NotFound, Unavailable
from core.records.events import ModelChanged
from core.store import models
from core.store.database import Database
from core.store.models import ModelFile
from core.store.transaction import Transaction

log = logging.getLogger(__name__)


class Identities:
    """Draws the identity of each model's file once, and knows whose it is."""

    def __init__(self) -> None:
        self._drawn: dict[tuple[str, int, int], str] = {}  # (model, bytes, changed)
        self._models: dict[str, frozenset[str]] = {}

    def of(self, file: ModelFile, path: Path) -> str:
        """Name a model's file as caches know it: the same for as long as the file is the same."""
        key = (file.id, file.bytes, file.changed)
        if key not in self._drawn:
            drawn = file.sha256 or file.identity or f"{path}+{file.bytes}+{file.changed}"
            self._drawn[key] = drawn
            self._models[drawn] = self._models.get(drawn, frozenset()) | {file.id}
        return self._drawn[key]

    def models(self, identities: Iterable[str]) -> frozenset[str]:
        """List the ids of the models that these identities stand for."""
        return frozenset().union(*(self._models.get(one, frozenset()) for one in identities))

    def known(self, model: str) -> list[str]:
        """List the identities under which a model was used, oldest first."""
        return [drawn for (owner, *_), drawn in self._drawn.items() if owner == model]


class Loaded:
    """What the engine said it has in memory; tells of every model that came or went."""

    def __init__(self, db: Database, identities: Identities) -> None:
        self._db = db
        self._identities = identities
        self.models: frozenset[str] = frozenset()  # ids

    async def hold(self, identities: Iterable[str]) -> None:
        """Note what is in memory now, with ``model.changed`` for each difference."""
        before, self.models = self.models, self._identities.models(identities)
        changed = sorted(before ^ self.models)
        if not changed:
            return
        try:
            await self._db.write(lambda tx: self._tell(tx, changed))
        except Unavailable as error:  # a full disk, or the server closes
            log.warning("model.changed is not stored: %s", error)

    def _tell(self, tx: Transaction, changed: list[str]) -> None:
        for model in changed:
            try:
                found = models.get(tx.connection, model)
            except NotFound:
                continue
            told = msgspec.structs.replace(found, loaded=model in self.models)
            tx.fact(ModelChanged(model=told))
