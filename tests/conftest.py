"""Fixtures that every floor shares."""

from pathlib import Path

import pytest

from core.paths import Layout


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A data directory of its own, with every folder made."""
    made = Layout(tmp_path / "data")
    made.make()
    return made
