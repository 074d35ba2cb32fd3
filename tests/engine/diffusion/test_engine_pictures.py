"""A real engine process draws pictures of a model it has never seen."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.graph.catalogue import Resource
from core.ipc.commands import Cancel, RunGraph, Watch
from core.ipc.reports import Hello, JobCanceled, JobDone, JobFailed, JobProgressed, Previewed
from core.records.graph import Graph, GraphNode
from tests.engine.tiny import Tiny

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def graph(words: str = "a red fox", **sampling: Any) -> Graph:
    """Text to image, as the recipe wires it."""

    def node(
        name: str, kind: str, settings: dict[str, Any], **inputs: tuple[str, str]
    ) -> GraphNode:
        return GraphNode(id=name, type=kind, settings=settings, inputs=inputs)

    encoder, vae = ("model", "text_encoder"), ("model", "vae")
    return Graph(
        nodes=[
            node("model", "model.load", {"checkpoint": "m"}),
            node("positive", "prompt.encode", {"prompt": words}, text_encoder=encoder),
            node("negative", "prompt.encode", {"prompt": ""}, text_encoder=encoder),
            node("start", "latent.empty", {"width": 32, "height": 32}, vae=vae),
            node(
                "sample", "latent.sample", {"steps": 4, "sampler": "euler"} | sampling,
                model=("model", "model"), positive=("positive", "out"),
                negative=("negative", "out"), latent=("start", "out"),
            ),
            node("decode", "latent.decode", {}, vae=vae, latent=("sample", "out")),
            node("save", "image.save", {}, image=("decode", "out")),
        ]
    )  # fmt: skip


@pytest.fixture
def resources(tiny: Tiny) -> dict[str, Resource]:
    return {
        "m": Resource(
            id="m", kind="checkpoint", path=str(tiny.folder), identity="tiny", family="sd1",
            name="tiny", format="diffusers",
        )
    }  # fmt: skip


def test_a_picture_its_previews_its_repeat_and_its_cancel(
    start: Callable[[], Any], options: Any, resources: dict[str, Resource]
) -> None:
    engine = start()
    hello = engine.wait(Hello)
    assert {"euler", "heun", "lcm"} <= set(hello.catalogue.samplers)
    engine.send(Watch(jobs=None))

    done = engine.run("one", graph(), JobDone, resources=resources)
    with Image.open(Path(options.staging, done.images[0].path)) as picture:
        assert picture.size == (32, 32)
    previews = [r for r in engine.seen if isinstance(r, Previewed)]
    assert previews
    assert previews[0].steps == 4
    assert any(isinstance(r, JobProgressed) and r.phase == "step" for r in engine.seen)

    again = engine.run("two", graph(seed=0), JobDone, resources=resources)
    assert again.images[0].sha256 == done.images[0].sha256
    other = engine.run("three", graph(seed=1), JobDone, resources=resources)
    assert other.images[0].sha256 != done.images[0].sha256
    assert other.cached >= 3  # the prompts and the start are taken from the cache

    engine.send(RunGraph(job="long", graph=graph(steps=500), resources=resources))
    while (told := engine.wait(JobProgressed, "long")).phase != "step":
        pass
    assert told.steps == 500
    engine.send(Cancel(job="long"))
    assert engine.wait(JobCanceled, "long").job == "long"

    failed = engine.run("bad", graph(sampler="nope"), JobFailed, resources=resources)
    assert (failed.code, failed.node) == ("unknown_sampler", "sample")
