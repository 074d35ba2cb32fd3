"""The tiny model that tests of this folder share."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

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
    made = Bench(tiny, tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()
