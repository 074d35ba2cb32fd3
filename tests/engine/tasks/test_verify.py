"""Our picture beside diffusers' own: on the model that ships, and on a single file made of it."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from core.engine.tasks import verify
from core.graph.catalogue import Resource
from core.graph.recipes import build
from core.ipc.commands import EngineOptions, RunTask
from core.ipc.reports import Hello, JobDone, JobFailed
from core.paths import shipped
from core.records.model import ModelDefaults
from core.records.task import Convert, Target, Verify
from tests.engine.models import originals
from tests.engine.process import EngineProcess

FIELDS: dict[str, Any] = {
    "prompt": "a red fox", "negative_prompt": "", "width": 64, "height": 64, "steps": 5,
    "guidance_scale": 4.0, "sampler": "euler_a", "scheduler": "default", "seed": 3,
}  # fmt: skip


def pixels(*levels: int) -> verify.Pixels:
    return numpy.array(levels, dtype=numpy.uint8).reshape(1, -1, 3)


def test_a_difference_is_measured_in_levels_and_in_shares_of_pixels() -> None:
    ours, theirs = pixels(0, 0, 0, 9, 9, 9, 255, 0, 0), pixels(0, 0, 0, 9, 8, 9, 255, 2, 0)
    found = verify.compared(ours, theirs, limit=1)
    assert found == {
        "max": 2, "mean": 0.33333, "differing": 0.66667, "limit": 1, "same": False,
    }  # fmt: skip
    assert verify.compared(ours, ours, limit=1)["same"] is True
    assert verify.compared(theirs, ours, limit=2) == found | {"limit": 2, "same": True}
    with pytest.raises(verify.Unverifiable):
        verify.compared(ours, pixels(1, 2, 3), limit=1)


def resource(path: Path, format_: str) -> Resource:
    return Resource(
        id="m", kind="checkpoint", path=str(path), identity=str(path), family="sd1", name="m",
        format=format_,
    )  # fmt: skip


def task(job: str, source: Resource, folder: Path) -> RunTask:
    graph = build("txt2img", {**FIELDS, "model": "m"}, ModelDefaults()).graph
    return RunTask(
        job=job, task=Verify(model="m", **FIELDS), folder=str(folder), graph=graph,
        resources={"m": source},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_starter_is_the_same_by_both_ways_and_by_a_file_made_of_it(
    start: Callable[[], EngineProcess], options: EngineOptions, tmp_path: Path
) -> None:
    engine = start()
    engine.wait(Hello)
    starter = resource(shipped("starter"), "diffusers")
    engine.send(task("folder", starter, tmp_path))
    done = engine.wait((JobDone, JobFailed), "folder")
    assert isinstance(done, JobDone), done
    assert done.result is not None
    assert done.result["same"], done.result
    assert done.result["max"] <= 1
    assert done.result["pipeline"] == "StableDiffusionPipeline"
    assert done.result["seconds"] > 0 < done.result["pipeline_seconds"]
    (saved,) = done.images
    assert Path(options.staging, saved.path).is_file()
    assert len([*Path(options.staging).glob("folder-*.png")]) == 1

    half = Target(layout="diffusers", dtype="float16", name="half")
    engine.send(
        RunTask(job="half", task=Convert(model="m", to=half), folder=str(tmp_path),
                resources={"m": starter})
    )  # fmt: skip
    made = engine.wait((JobDone, JobFailed), "half")
    assert isinstance(made, JobDone), made
    engine.send(task("again", resource(tmp_path / made.made[0].path, "diffusers"), tmp_path))
    again = engine.wait((JobDone, JobFailed), "again")
    assert isinstance(again, JobDone), again
    assert again.result is not None
    assert again.result["same"], again.result


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_single_file_is_the_same_by_diffusers_loader_of_single_files(
    start: Callable[[], EngineProcess], tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tensors = originals.sd_tensors(originals.write_sd(tmp_path / "f", "sd1"), "sd1")
    file = originals.write(tmp_path / "file.safetensors", tensors)
    engine = start()
    engine.wait(Hello)
    engine.send(task("file", resource(file, "single"), tmp_path))
    done = engine.wait((JobDone, JobFailed), "file")
    assert isinstance(done, JobDone), done
    assert done.result is not None
    assert done.result["same"], done.result
