"""The tiny model that tests of this folder share."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.engine.diffusion.sampler import SamplingLoop
from tests.engine import tiny_xl
from tests.engine.bench import Bench
from tests.engine.tiny import Tiny, floor, write_model
from tests.engine.tiny_xl import TinyXl


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder)
    return Tiny(folder)


@pytest.fixture(scope="session")
def xl(tmp_path_factory: pytest.TempPathFactory) -> TinyXl:
    folder = tmp_path_factory.mktemp("models") / "xl"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiny_xl.write_model(folder)
    return TinyXl(folder)


@pytest.fixture
def loop() -> SamplingLoop:
    return SamplingLoop(floor())


@pytest.fixture
def bench_xl(xl: TinyXl, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(xl, tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()


@pytest.fixture
def bench(tiny: Tiny, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tiny, tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()
