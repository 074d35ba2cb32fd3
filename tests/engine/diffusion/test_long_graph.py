"""One graph from a text to a picture that was inpainted, drawn over and enlarged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest
from PIL import Image as Pillow

from core.graph.catalogue import Resource
from core.ipc.reports import JobDone
from core.paths import shipped
from core.records.graph import Graph, GraphNode

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
SIDE = 64  # pixels
DRAWN = {"steps": 4, "guidance_scale": 3.0, "seed": 5}


def node(id_: str, type_: str, settings: dict[str, Any] | None = None, **inputs: str) -> GraphNode:
    """Make a node; an input is ``node`` or ``node.port``."""
    wires = {port: (name, out or "out") for port, (name, _, out) in (
        (port, link.partition(".")) for port, link in inputs.items()
    )}  # fmt: skip
    return GraphNode(id=id_, type=type_, settings=settings or {}, inputs=wires)


def sampled(name: str, positive: str, latent: str, **settings: Any) -> list[GraphNode]:
    return [
        node(
            f"{name}_latent", "latent.sample", {**DRAWN, **settings},
            model="model.model", positive=positive, negative="negative", latent=latent,
        ),
        node(name, "latent.decode", vae="model.vae", latent=f"{name}_latent"),
    ]  # fmt: skip


def studio() -> Graph:
    words = {"positive": "a red apple", "other": "a penguin", "negative": ""}
    return Graph(
        nodes=[
            node("model", "model.load", {"checkpoint": "m"}),
            *(
                node(name, "prompt.encode", {"prompt": text}, text_encoder="model.text_encoder")
                for name, text in words.items()
            ),
            node("start", "latent.empty", {"width": SIDE, "height": SIDE}, vae="model.vae"),
            *sampled("first", "positive", "start"),
            node("mask", "mask.load", {"image": "k"}),
            node(
                "crop", "inpaint.crop", {"width": SIDE, "height": SIDE}, image="first", mask="mask"
            ),
            node(
                "hole", "inpaint.encode", model="model.model", vae="model.vae", image="crop.image",
                mask="crop.mask",
            ),
            *sampled("second", "other", "hole", seed=6),
            node(
                "pasted", "inpaint.paste", image="first", drawn="second", mask="mask",
                area="crop.area",
            ),
            node("again", "latent.encode", vae="model.vae", image="pasted"),
            *sampled("third", "other", "again", strength=0.5),
            node("four", "number.value", {"value": 4}),
            node("two", "number.value", {"value": 2}),
            node("enough", "logic.compare", {"relation": "at_least"}, a="four", b="two"),
            node("chosen", "logic.switch", condition="enough", on_true="third", on_false="never"),
            *sampled("never", "positive", "start", seed=99),
            node("large", "image.resize", {"width": 2 * SIDE, "height": 2 * SIDE}, image="chosen"),
            node("ways", "image.collect", a="first", b="pasted", c="third"),
            node("save_large", "image.save", image="large"),
            node("save_ways", "image.save", image="ways"),
        ]
    )  # fmt: skip


def test_text_inpainting_picture_and_resize_run_as_one_graph(
    start: Callable[[], Any], options: Any, tmp_path: Path
) -> None:
    mask = numpy.zeros((SIDE, SIDE), numpy.uint8)
    mask[:, : SIDE // 2] = 255
    Pillow.fromarray(mask).save(tmp_path / "k.png")
    resources = {
        "k": Resource(id="k", kind="image", path=str(tmp_path / "k.png"), identity="k"),
        "m": Resource(
            id="m", kind="checkpoint", path=str(shipped("starter")), identity="starter",
            family="sd1", name="starter", format="diffusers",
        ),
    }  # fmt: skip
    done = start().run("job", studio(), JobDone, resources=resources)
    pictures: dict[str, list[Any]] = {"save_large": [], "save_ways": []}
    for saved in done.images:
        with Pillow.open(Path(options.staging, saved.path)) as picture:
            pictures[saved.node].append(numpy.asarray(picture))
    (large,), (first, pasted, third) = pictures["save_large"], pictures["save_ways"]
    assert large.shape == (2 * SIDE, 2 * SIDE, 3)
    assert (first[:, SIDE // 2 :] == pasted[:, SIDE // 2 :]).all()
    assert (first[:, : SIDE // 2] != pasted[:, : SIDE // 2]).any()
    assert (third != pasted).any()
    small = numpy.asarray(Pillow.fromarray(large).resize((SIDE, SIDE), Pillow.Resampling.BOX))
    assert abs(small.astype(int) - third.astype(int)).mean() < 8
    assert done.ran == len(studio().nodes) - 3  # the switch, and the branch that is not taken
