"""Options of an engine on the processor, and engines started with them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.ipc.commands import EngineOptions
from core.paths import Layout
from tests.engine.process import EngineProcess


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> EngineOptions:
    layout = Layout(tmp_path_factory.mktemp("engine"))
    layout.make()
    return EngineOptions(
        staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", threads=1, cache_mb=64
    )


@pytest.fixture(scope="module")
def nodes_folder(options: EngineOptions) -> Path:
    return Path(options.nodes)


@pytest.fixture
def start(options: EngineOptions) -> Iterator[Callable[[], EngineProcess]]:
    """Start engines of one's own; what still runs at the end is killed."""
    started: list[EngineProcess] = []

    def start_one() -> EngineProcess:
        started.append(EngineProcess(options))
        return started[-1]

    yield start_one
    for process in started:
        if process.child.poll() is None:
            process.child.kill()
        process.end()
