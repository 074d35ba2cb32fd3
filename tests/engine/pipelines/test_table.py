"""The table of pipelines, held to the diffusers that is installed."""

import inspect
from typing import Any

import pytest

from core.engine.pipelines import asking
from core.graph import ways
from core.library import pipelines
from core.library.pipelines import BASES, PIPELINES

# Of diffusers' own tables, what is no row here: families of their own, what needs a picture that
# steers, what draws films, and parts that are code of a pipeline.
_OWN = ("StableDiffusion", "StableCascade", "Flux", "IFPipeline", "Wuerstchen", "Kolors")
_OTHER = ("ControlNet", "ControlPipeline", "PAG", "Helios", "KandinskyCombined")


pytestmark = [pytest.mark.slow, pytest.mark.timeout(90)]  # the first imports diffusers


def call(name: str) -> dict[str, inspect.Parameter]:
    import diffusers

    return dict(inspect.signature(getattr(diffusers, name).__call__).parameters)


@pytest.mark.parametrize("name", PIPELINES)
def test_a_row_says_what_the_call_says(name: str) -> None:
    row, known = PIPELINES[name], call(name)
    scale = asking._scale(known)
    guidance: Any = known[scale].default if scale else None
    assert row.steps == known["num_inference_steps"].default
    assert row.guidance == guidance
    assert "prompt" in known
    assert {"generator", "output_type", "return_dict"} <= known.keys()
    height = known["height"].default if "height" in known else None
    assert height in (None, row.side)


@pytest.mark.parametrize("name", PIPELINES)
def test_siblings_take_what_they_are_named_for(name: str) -> None:
    row = PIPELINES[name]
    for sibling, needed in {row.image: {"image"}, row.inpaint: {"image", "mask_image"}}.items():
        if sibling:
            assert needed <= call(sibling).keys(), sibling


def test_every_pipeline_that_diffusers_chooses_by_itself_is_a_row() -> None:
    from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING as KNOWN

    names = [kind.__name__ for kind in KNOWN.values()]
    left = [
        name for name in names
        if not name.removeprefix("Flux2").startswith(_OWN) and not any(w in name for w in _OTHER)
    ]  # fmt: skip
    assert len(left) >= 25
    assert sorted(set(left) - BASES.keys()) == []


def test_a_sibling_in_an_index_stands_for_its_pipeline() -> None:
    assert BASES["ZImageInpaintPipeline"] == "ZImagePipeline"
    assert BASES["Flux2Pipeline"] == "Flux2Pipeline"
    assert ways.GENERIC == pipelines.GENERIC
