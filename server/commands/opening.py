"""The database for commands: SQLite lets them in beside a running server."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.paths import Layout, shipped
from core.store.database import Database


@asynccontextmanager
async def database(layout: Layout) -> AsyncIterator[Database]:
    """Open the database of a data directory; facts are stored, and nobody is told."""
    layout.make()
    async with Database.open(
        layout.database,
        publish=lambda facts: None,
        backups=layout.backups,
        migrations=shipped("migrations"),
    ) as db:
        yield db
