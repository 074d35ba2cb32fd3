"""Tiny bases, written once, and an engine without a process."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import tiny as models
from tests.engine import tiny_flow, tiny_xl
from tests.engine.bench import Bench
from tests.engine.tiny import Tiny


@pytest.fixture(scope="module")
def sd1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sd1")
    models.write_model(folder)
    return folder


@pytest.fixture(scope="module")
def sdxl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdxl")
    tiny_xl.write_model(folder)
    return folder


@pytest.fixture(scope="module")
def flux(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flow.write_flux(tmp_path_factory.mktemp("flux"))


@pytest.fixture(scope="module")
def sd3(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_flow.write_sd3(tmp_path_factory.mktemp("sd3"))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models.write_model(folder)
    return Tiny(folder)


@pytest.fixture
def bench(tiny: Tiny, tmp_path: Path) -> Iterator[Bench]:
    (tmp_path / "staging").mkdir()
    made = Bench(tiny, tmp_path / "staging")
    yield made
    made.outbox.close()
