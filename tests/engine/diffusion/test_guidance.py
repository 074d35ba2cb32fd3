"""Guidance: brought back in its spread, and left out of the steps that are outside of a window."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.diffusion.guidance import Guidance, combine
from core.engine.diffusion.sampler import SamplingLoop
from tests.engine.bench import Bench, empty, sample
from tests.engine.diffusion.test_loop import CLOSE, Widths
from tests.engine.diffusion.test_parity import theirs
from tests.engine.tiny import floor

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
SHARE = st.floats(0, 1)
FOX: dict[str, Any] = {"sampler": "euler", "guidance_scale": 9.0, "seed": 3}


class Window:
    """Moves diffusers' pipeline into and out of guidance between two of its steps."""

    def __init__(self, wanted: Guidance, steps: int, positive: Any, negative: Any) -> None:
        self._wanted = wanted
        self._steps = steps
        self._positive, self._negative = positive, negative

    def __call__(self, pipeline: Any, index: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
        if self._wanted.at(index + 1, self._steps):
            pipeline._guidance_scale = self._wanted.scale
            values["prompt_embeds"] = torch.cat([self._negative, self._positive])
        else:
            pipeline._guidance_scale = 0.0
            values["prompt_embeds"] = self._positive
        return values


@pytest.mark.parametrize("rescale", [0.7, 1.0])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_rescaled_guidance_is_bit_identical_to_the_pipeline(
    tiny: Any, loop: SamplingLoop, sampler: str, rescale: float
) -> None:
    row = tiny.row("a red fox", rescale=rescale, **{**FOX, "sampler": sampler})
    call = {**FOX, "sampler": sampler, "prompt": "a red fox", "guidance_rescale": rescale}
    ours = loop.sample([row])[0]
    assert torch.equal(ours, theirs(tiny, **call))
    assert not torch.equal(ours, theirs(tiny, **{**call, "guidance_rescale": 0.0}))


@pytest.mark.parametrize(
    ("start", "end", "widths"),
    [
        (0.0, 0.5, [2, 2, 2, 1, 1, 1]),
        (0.5, 1.0, [1, 1, 1, 2, 2, 2]),
        (0.3, 0.8, [1, 1, 2, 2, 1, 1]),
    ],
)
def test_a_window_of_guidance_is_bit_identical_to_the_pipeline_with_a_callback(
    tiny: Any, loop: SamplingLoop, start: float, end: float, widths: list[int]
) -> None:
    wanted, seen = Guidance(9.0, 0.0, start, end), Widths(tiny.network)
    ours = loop.sample([tiny.row("a red fox", steps=6, start=start, end=end, **FOX)])[0]
    seen.stop()
    pipeline = tiny.pipeline("StableDiffusionPipeline", "euler")
    with torch.inference_mode():
        positive, negative = pipeline.encode_prompt("a red fox", "cpu", 1, True, "")
    first = wanted.scale if wanted.at(0, 6) else 0.0
    expected = theirs(
        tiny, **{**FOX, "guidance_scale": first}, prompt="a red fox", steps=6,
        callback_on_step_end=Window(wanted, 6, positive, negative),
        callback_on_step_end_tensor_inputs=["latents", "prompt_embeds"],
    )  # fmt: skip
    assert seen.seen == widths
    assert torch.equal(ours, expected)


def test_rows_that_are_guided_at_other_steps_share_their_forwards(
    tiny: Any, loop: SamplingLoop
) -> None:
    specs = [{"seed": 1}, {"seed": 2, "end": 0.5}, {"seed": 3, "start": 0.5, "rescale": 0.5}]
    alone = [loop.sample([tiny.row(steps=4, **spec)])[0] for spec in specs]
    seen = Widths(tiny.network)
    together = SamplingLoop(floor()).sample([tiny.row(steps=4, **spec) for spec in specs])
    seen.stop()
    assert seen.seen == [5, 5, 5, 5]
    for ours, expected in zip(together, alone, strict=True):
        assert (ours - expected).abs().max() <= CLOSE * expected.abs().max()


def test_a_second_order_step_is_guided_as_a_whole(tiny: Any, loop: SamplingLoop) -> None:
    seen = Widths(tiny.network)
    loop.sample([tiny.row(steps=4, end=0.5, sampler="heun")])
    seen.stop()
    assert seen.seen == [2, 2, 2, 2, 1, 1, 1]


def test_the_node_takes_the_three_settings(bench: Bench) -> None:
    ctx = bench.context()
    plain = sample(ctx, empty(ctx), guidance_scale=9).samples
    for settings in ({"guidance_rescale": 0.7}, {"guidance_start": 0.5}, {"guidance_end": 0.5}):
        assert not torch.equal(sample(ctx, empty(ctx), guidance_scale=9, **settings).samples, plain)
    never = sample(ctx, empty(ctx), guidance_scale=9, guidance_start=0.8, guidance_end=0.2)
    assert torch.equal(never.samples, sample(ctx, empty(ctx), guidance_scale=1).samples)


@given(start=SHARE, end=SHARE, steps=st.integers(1, 60))
def test_the_guided_steps_are_one_stretch_within_the_window(
    start: float, end: float, steps: int
) -> None:
    guided = [step for step in range(steps) if Guidance(5.0, 0.0, start, end).at(step, steps)]
    assert guided == list(range(guided[0], guided[-1] + 1)) if guided else True
    assert all(start <= step / steps and (step + 1) / steps <= end for step in guided)


def test_a_flat_prediction_stays_finite() -> None:
    flat = torch.zeros(1, 4, 8, 8)
    assert torch.isfinite(combine(flat, flat, 7.5, 1.0)).all()
