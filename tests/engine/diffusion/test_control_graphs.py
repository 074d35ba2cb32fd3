"""Recipes with control on a real engine: what is prepared once stays prepared, and who fails."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image as Pillow

from core.graph import recipes
from core.graph.catalogue import Resource
from core.ipc.commands import RunGraph
from core.ipc.reports import JobDone, JobFailed
from core.records.graph import Graph
from core.records.model import ModelDefaults
from tests.engine.tiny import SIZE, Tiny, write_controlnet

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]
SQUARE = ModelDefaults(width=SIZE, height=SIZE, steps=3, sampler="euler")
ASK: dict[str, Any] = {"prompt": "a red fox", "model": "m", "seed": 3, "steps": 3}
CANNY: dict[str, Any] = {"model": "c", "image": "p", "preprocessor": "canny", "low": 0.05}


@pytest.fixture(scope="module")
def nets(tiny: Tiny) -> dict[str, Resource]:
    found = {}
    for name, seed in (("c", 0), ("d", 1)):
        folder = tiny.folder.with_name(f"net-{name}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            write_controlnet(folder, seed=seed)
        found[name] = Resource(
            id=name, kind="controlnet", path=str(folder), identity=name, family="unknown",
            name=name, format="diffusers",
        )  # fmt: skip
    return found


@pytest.fixture
def resources(tiny: Tiny, tmp_path: Path, nets: dict[str, Resource]) -> dict[str, Resource]:
    draws = numpy.random.default_rng(1)
    for name in ("i", "p", "q"):
        Pillow.fromarray(draws.integers(0, 256, (44, 52, 3), numpy.uint8)).save(
            tmp_path / f"{name}.png"
        )
    mask = numpy.zeros((44, 52), numpy.uint8)
    mask[16:28, 20:32] = 255
    Pillow.fromarray(mask).save(tmp_path / "k.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    found = {
        name: Resource(id=name, kind="image", path=str(tmp_path / f"{name}.png"), identity=name)
        for name in ("i", "p", "q", "k", "broken")
    }
    model = Resource(
        id="m", kind="checkpoint", path=str(tiny.folder), identity="tiny", family="sd1",
        name="tiny", format="diffusers",
    )  # fmt: skip
    return found | nets | {"m": model}


def graph(name: str, *asked: dict[str, Any], **fields: Any) -> Graph:
    return recipes.build(name, {**ASK, **fields, "control": list(asked)}, SQUARE).graph


def test_what_steers_is_prepared_once_and_every_recipe_is_steered(
    start: Callable[[], Any], options: Any, resources: dict[str, Resource]
) -> None:
    engine = start()

    def run(job: str, name: str, *asked: dict[str, Any], **fields: Any) -> Any:
        return engine.run(job, graph(name, *asked, **fields), JobDone, resources=resources)

    def pixels(done: Any) -> Any:
        with Pillow.open(Path(options.staging, done.images[0].path)) as picture:
            return numpy.asarray(picture)

    first = run("first", "txt2img", CANNY)
    again = run("again", "txt2img", CANNY, seed=4)
    assert again.ran == 3  # sample, decode, save: neither edges nor their fitting
    assert again.cached == first.ran - 3
    lighter = run("lighter", "txt2img", {**CANNY, "weight": 0.5})
    assert lighter.ran == 4  # and the net: its picture's edges are still there
    assert (pixels(lighter) != pixels(first)).any()

    both = [{"model": "d", "image": "q", "resize": "fit", "end": 0.5}, CANNY]
    edits: dict[str, dict[str, Any]] = {
        "txt2img": {},
        "img2img": {"init_image": "i"},
        "inpaint": {"init_image": "i", "mask_image": "k", "only_masked": True},
        "outpaint": {"init_image": "i", "extend_left": 9},
    }
    for name, fields in edits.items():
        steered = pixels(run(f"{name}-both", name, *both, **fields))
        plain = pixels(run(f"{name}-plain", name, **fields))
        assert steered.shape == plain.shape
        assert (steered != plain).any(), name


def test_a_broken_control_picture_fails_its_job_alone(
    start: Callable[[], Any], options: Any, resources: dict[str, Resource]
) -> None:
    engine = start()
    good = graph("txt2img", CANNY)
    expected = engine.run("before", good, JobDone, resources=resources)
    bad = graph("txt2img", {**CANNY, "image": "broken"})
    for job, sent in (("beside", graph("txt2img", CANNY, seed=9)), ("bad", bad)):
        engine.send(RunGraph(job=job, graph=sent, resources=resources))
    ends = {}
    while len(ends) < 2:
        report = engine.wait((JobDone, JobFailed))
        ends[report.job] = report
    assert ends["bad"].code == "image_unreadable"
    assert ends["bad"].node == "picture0"
    assert isinstance(ends["beside"], JobDone)
    after = engine.run("after", good, JobDone, resources=resources)
    assert after.images[0].sha256 == expected.images[0].sha256
