"""Fixtures that every floor shares."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from core.paths import Layout
from tests.order import longest_first

# Tests side by side have a core each. Teams of threads that share cores wait for each other in a
# loop: a test of six seconds took over two minutes. Read when torch is imported, and by engines.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Commands speak the language of the terminal; what tests read is English.
os.environ["LC_ALL"] = "C.UTF-8"

# Machines are shared and noisy: an example's time says nothing. pytest's timeout still holds.
settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin the longest files first where workers share them; ``--no-loadscope-reorder`` obeys."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items[:] = longest_first(items)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A data directory of its own, with every folder made."""
    made = Layout(tmp_path / "data")
    made.make()
    return made
