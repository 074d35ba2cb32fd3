"""A real engine process draws with FLUX and Stable Diffusion 3, and obeys while it does."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from PIL import Image

from core.graph.catalogue import Resource
from core.ipc.commands import Cancel, RunGraph, Watch
from core.ipc.reports import Hello, JobCanceled, JobDone, JobFailed, JobProgressed, Previewed
from core.records.graph import Graph
from tests.engine.diffusion.test_engine_pictures import graph
from tests.engine.tiny_flow import SIDE, write_flux, write_sd3

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def drawn(**sampling: Any) -> Graph:
    made = graph(**{"sampler": "default"} | sampling)
    return Graph(
        nodes=[
            structs.replace(node, settings={"width": SIDE, "height": SIDE})
            if node.id == "start"
            else node
            for node in made.nodes
        ]
    )


@pytest.fixture
def resources(tmp_path: Path) -> dict[str, dict[str, Resource]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        folders = {"flux": write_flux(tmp_path / "flux"), "sd3": write_sd3(tmp_path / "sd3")}
    return {
        family: {
            "m": Resource(
                id="m", kind="checkpoint", path=str(folder), identity=family, family=family,
                name=family, format="diffusers",
            )
        }
        for family, folder in folders.items()
    }  # fmt: skip


def test_pictures_previews_repeats_and_cancels(
    start: Callable[[], Any], options: Any, resources: dict[str, dict[str, Resource]]
) -> None:
    engine = start()
    engine.wait(Hello)
    engine.send(Watch(jobs=None))
    for family, named in resources.items():
        done = engine.run(f"{family} one", drawn(), JobDone, resources=named)
        with Image.open(Path(options.staging, done.images[0].path)) as picture:
            assert picture.size == (SIDE, SIDE)
        shown = [one for one in engine.seen if isinstance(one, Previewed)]
        assert [one for one in shown if one.job == f"{family} one"]
        again = engine.run(f"{family} two", drawn(seed=0), JobDone, resources=named)
        assert again.images[0].sha256 == done.images[0].sha256
        other = engine.run(f"{family} three", drawn(seed=1), JobDone, resources=named)
        assert other.images[0].sha256 != done.images[0].sha256

        job = f"{family} long"
        engine.send(RunGraph(job=job, graph=drawn(steps=500), resources=named))
        while engine.wait(JobProgressed, job).phase != "step":
            pass
        engine.send(Cancel(job=job))
        assert engine.wait(JobCanceled, job).job == job

        failed = engine.run(f"{family} bad", drawn(sampler="ddim"), JobFailed, resources=named)
        assert (failed.code, failed.node) == ("sampler_family", "sample")
