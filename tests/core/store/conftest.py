"""A real database in a folder of its own."""

from collections.abc import AsyncIterator

import pytest

from core.paths import Layout, shipped
from core.records.events import Numbered
from core.store.database import Database


@pytest.fixture
def published() -> list[Numbered]:
    """What was published so far."""
    return []


@pytest.fixture
async def database(layout: Layout, published: list[Numbered]) -> AsyncIterator[Database]:
    async with Database.open(
        layout.database,
        publish=published.extend,
        backups=layout.backups,
        migrations=shipped("migrations"),
    ) as opened:
        yield opened
