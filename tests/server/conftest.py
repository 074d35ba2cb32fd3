"""Fixtures: a server in the test's own loop."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from tests.server.studio import Opener, Studio, open_studio


@pytest.fixture
def opener(tmp_path: Path) -> Opener:
    """Open a server with settings of the test's choice."""

    def opened(**options: Any) -> AbstractAsyncContextManager[Studio]:
        return open_studio(tmp_path / "data", **options)

    return opened


@pytest.fixture
async def studio(opener: Opener) -> AsyncIterator[Studio]:
    async with opener() as opened:
        yield opened
