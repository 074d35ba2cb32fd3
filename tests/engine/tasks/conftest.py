"""Models to convert, and a command that asks for it."""

import shutil
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from core.graph.catalogue import Resource
from core.ipc.commands import RunTask
from core.records.task import Convert, Target
from tests.engine.tiny import write_model

Command = Callable[..., RunTask]


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    write_model(folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "tiny"))


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """Make the command that converts a model."""
    making = tmp_path / "making"
    making.mkdir()

    def made(
        source: Path, *loras: Path, family: str = "sd1", job: str = "J", **to: object
    ) -> RunTask:
        format_ = "diffusers" if source.is_dir() else "single"
        target = msgspec.convert({"layout": format_, "name": "new", **to}, Target)
        task = Convert(model="m", to=target)
        resources = {
            "m": Resource(
                id="m", kind="checkpoint", path=str(source), identity=str(source), family=family,
                name=source.stem, format=format_,
            )
        } | {
            str(lora): Resource(
                id=str(lora), kind="lora", path=str(lora), identity=str(lora), family=family,
                name=lora.stem, format="single",
            )
            for lora in loras
        }  # fmt: skip
        return RunTask(job=job, task=task, folder=str(making), resources=resources)

    return made
