"""The tiny model that runs begin from, and an engine without a process."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.bench import Bench
from tests.engine.tiny import Tiny, write_model


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder)
    return Tiny(folder)


@pytest.fixture
def bench(tiny: Tiny, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tiny, tmp_path / "staging")
    (tmp_path / "staging").mkdir()
    yield made
    made.outbox.close()
