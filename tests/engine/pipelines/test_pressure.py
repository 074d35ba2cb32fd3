"""Whole pipelines on a device that is too small: the rungs of the memory ladder."""

from pathlib import Path

import pytest
import torch

from core.engine.pipelines import load
from core.engine.pipelines.whole import Pipeline
from core.engine.residency import size_of
from core.ipc.reports import JobDone, JobFailed
from tests.engine.budget import BudgetDevice
from tests.engine.pipelines.conftest import Written
from tests.engine.pipelines.studio import Studio, drawn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

PLENTY = 1 << 30


def handle(path: Path) -> Pipeline:
    return Pipeline(identity=path.name, path=str(path), family="generic", format="diffusers")


def weight(path: Path) -> int:
    return size_of(load.load(handle(path), torch.float32))


@pytest.mark.parametrize("name", ["aura", "z_image"])
def test_a_pipeline_that_does_not_fit_visits_the_device_block_by_block(
    name: str, written: Written, tmp_path: Path
) -> None:
    plenty = Studio(tmp_path, {name: written(name)}, BudgetDevice(PLENTY))
    assert isinstance(plenty.run("A", *drawn(name)), JobDone)
    peak = plenty.device.peak()
    cramped = Studio(
        tmp_path, {name: written(name)}, BudgetDevice(peak - weight(written(name)) // 2)
    )
    report = cramped.run("B", *drawn(name))
    assert isinstance(report, JobDone), report
    assert report.degraded[-1] == "offload"
    assert torch.allclose(plenty.picture("A"), cramped.picture("B"), atol=2 / 255)


def test_idle_models_make_way(written: Written, tmp_path: Path) -> None:
    models = {name: written(name) for name in ("aura", "z_image")}
    plenty = Studio(tmp_path, models, BudgetDevice(PLENTY))
    plenty.run("A", *drawn("aura"))
    peak = plenty.device.peak()
    studio = Studio(tmp_path, models, BudgetDevice(peak + weight(written("z_image")) // 2))
    assert isinstance(studio.run("B", *drawn("z_image")), JobDone)
    report = studio.run("C", *drawn("aura"))
    assert isinstance(report, JobDone), report
    assert torch.equal(plenty.picture("A"), studio.picture("C"))
    assert studio.residency.identities() in (["aura"], ["aura", "z_image"])


def test_a_device_that_is_too_small_for_one_block_fails_the_job_alone(
    written: Written, tmp_path: Path
) -> None:
    studio = Studio(tmp_path, {"aura": written("aura")}, BudgetDevice(2048))
    report = studio.run("A", *drawn("aura"))
    assert isinstance(report, JobFailed)
    assert report.code == "out_of_memory"
    assert studio.engine.baton.phase() == "idle"
