"""The recipes inpaint and outpaint on a real engine: what is kept is the source's, to the bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image as Pillow

from core.graph import recipes
from core.graph.catalogue import Resource
from core.ipc.reports import JobDone, JobFailed
from core.records.model import ModelDefaults
from tests.engine.tiny import Tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
WIDE, HIGH = 52, 44  # no multiples of what the model takes
ASK: dict[str, Any] = {
    "prompt": "a red fox",
    "model": "m",
    "seed": 3,
    "steps": 3,
    "init_image": "i",
}


@pytest.fixture
def source() -> Any:
    return numpy.random.default_rng(1).integers(0, 256, (HIGH, WIDE, 3), numpy.uint8)


@pytest.fixture
def resources(tiny: Tiny, tmp_path: Path, source: Any) -> dict[str, Resource]:
    Pillow.fromarray(source).save(tmp_path / "i.png")
    mask = numpy.zeros((HIGH, WIDE), numpy.uint8)
    mask[16:28, 20:32] = 255
    Pillow.fromarray(mask).save(tmp_path / "k.png")
    Pillow.new("L", (HIGH, WIDE), 255).save(tmp_path / "wrong.png")
    found = {
        name: Resource(id=name, kind="image", path=str(tmp_path / f"{name}.png"), identity=name)
        for name in ("i", "k", "wrong")
    }
    return found | {
        "m": Resource(
            id="m", kind="checkpoint", path=str(tiny.folder), identity="tiny", family="sd1",
            name="tiny", format="diffusers",
        )
    }  # fmt: skip


def test_what_the_mask_keeps_is_the_sources(
    start: Callable[[], Any], options: Any, resources: dict[str, Resource], source: Any
) -> None:
    engine = start()

    def run(job: str, name: str, **fields: Any) -> Any:
        built = recipes.build(name, {**ASK, **fields}, ModelDefaults(), source=(WIDE, HIGH))
        done = engine.run(job, built.graph, JobDone, resources=resources)
        with Pillow.open(Path(options.staging, done.images[0].path)) as picture:
            return numpy.asarray(picture)

    edge = 3  # three deviations of one pixel
    kept = numpy.ones((HIGH, WIDE), bool)
    kept[16 - edge : 28 + edge, 20 - edge : 32 + edge] = False
    for job, options_ in {
        "whole": {"mask_image": "k"},
        "part": {"mask_image": "k", "only_masked": True, "width": 32, "height": 32},
    }.items():
        drawn = run(job, "inpaint", mask_blur=1, mask_padding=8, **options_)
        assert drawn.shape == source.shape
        assert (drawn[kept] == source[kept]).all()
        assert (drawn[20:24, 24:28] != source[20:24, 24:28]).any()
    same = run("nothing", "inpaint", mask_image="k", strength=0.0)
    assert (same[~kept] != source[~kept]).any()  # through the autoencoder

    for infill in ("edge", "tile", "noise"):
        drawn = run(infill, "outpaint", extend_left=9, extend_top=5, infill=infill)
        assert drawn.shape == (HIGH + 5, WIDE + 9, 3)
        assert (drawn[5:, 9:] == source).all()

    built = recipes.build("inpaint", {**ASK, "mask_image": "wrong"}, ModelDefaults())
    failed = engine.run("wrong", built.graph, JobFailed, resources=resources)
    assert failed.code == "mask_size"
