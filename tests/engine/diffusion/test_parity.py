"""Our latents are diffusers' own: bit for bit alone, to 1e-5 of scale in a mixed batch."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from core.engine.diffusion import samplers
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import text, vae

# diffusers and numpy speak to torch in ways that numpy 2 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

NAMES = [name for name in samplers.names() if name != "default"]
REQUIRED = {"euler", "euler_a", "ddim", "dpmpp_2m", "unipc", "lcm", "heun"}


def theirs(tiny: Any, kind: str = "StableDiffusionPipeline", **call: Any) -> torch.Tensor:
    """Run diffusers' own pipeline; give its latents."""
    pipeline = tiny.pipeline(kind, call.pop("sampler"), call.pop("schedule", "default"))
    seed = call.pop("seed", 0)
    steps = call.pop("steps", 5)
    call.setdefault("negative_prompt", "")
    if kind == "StableDiffusionPipeline":
        call |= dict.fromkeys(("width", "height"), tiny.shape()[-1] * tiny.factor)
    made: torch.Tensor = pipeline(
        num_inference_steps=steps,
        generator=torch.Generator().manual_seed(seed),
        output_type="latent",
        **call,
    ).images
    return made


def test_the_samplers_that_matter_are_there() -> None:
    assert set(NAMES) >= REQUIRED
    assert len(NAMES) >= 29  # thirty where scipy is there


@pytest.mark.parametrize("sampler", ["default", *NAMES])
@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
def test_a_row_alone_is_bit_identical_to_the_pipeline(
    tiny: Any, loop: SamplingLoop, sampler: str, guidance_scale: float
) -> None:
    row = tiny.row("a red fox", sampler=sampler, guidance_scale=guidance_scale, seed=3)
    ours = loop.sample([row])[0]
    expected = theirs(
        tiny, prompt="a red fox", sampler=sampler, guidance_scale=guidance_scale, seed=3
    )
    assert torch.isfinite(ours).all()
    assert torch.equal(ours, expected)


@pytest.mark.parametrize("schedule", [s for s in samplers.schedules() if s != "default"])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m", "heun", "ddim", "unipc"])
def test_a_schedule_is_bit_identical_too_or_refused_clearly(
    tiny: Any, loop: SamplingLoop, sampler: str, schedule: str
) -> None:
    from core.errors import Invalid

    try:
        row = tiny.row("a red fox", sampler=sampler, schedule=schedule)
    except Invalid as refused:
        assert refused.name == "schedule_unsupported"
        return
    expected = theirs(
        tiny, prompt="a red fox", sampler=sampler, schedule=schedule, guidance_scale=5.0
    )
    assert torch.equal(loop.sample([row])[0], expected)


@pytest.mark.parametrize("sampler", [s for s in NAMES if s not in {"pndm"}])
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_image_to_image_is_bit_identical_on_the_mode_of_the_posterior(
    tiny: Any, loop: SamplingLoop, sampler: str, strength: float
) -> None:
    picture = torch.rand((1, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        clean = vae.encode(tiny.autoencoder, picture)
    with posterior_mode(tiny.autoencoder):
        expected = theirs(
            tiny, "StableDiffusionImg2ImgPipeline", sampler=sampler, prompt="a red fox",
            image=picture, strength=strength, guidance_scale=5.0, seed=7,
        )  # fmt: skip
    row = tiny.row("a red fox", sampler=sampler, seed=7, clean=clean, strength=strength)
    assert torch.equal(loop.sample([row])[0], expected)


class posterior_mode:  # noqa: N801  (reads as a verb in a with statement)
    """Let diffusers' pipeline take the mode of the posterior, where it would draw a sample."""

    def __init__(self, autoencoder: Any) -> None:
        self._autoencoder = autoencoder
        self._encode: Callable[..., Any] = autoencoder.encode

    def __enter__(self) -> None:
        def encode(pixels: torch.Tensor) -> Any:
            encoded = self._encode(pixels)
            distribution = encoded.latent_dist
            distribution.sample = lambda generator=None: distribution.mode()
            return encoded

        self._autoencoder.encode = encode

    def __exit__(self, *_: object) -> None:
        del self._autoencoder.encode


MIXED = [
    {"prompt": "a red fox", "sampler": "euler", "steps": 5, "guidance_scale": 5.0, "seed": 1},
    {"prompt": "a blue owl", "sampler": "euler_a", "steps": 7, "guidance_scale": 3.0, "seed": 2},
    {"prompt": "x", "sampler": "ddim", "steps": 4, "guidance_scale": 9.0, "seed": 3},
    {"prompt": "a", "sampler": "dpmpp_2m", "steps": 6, "guidance_scale": 1.0, "seed": 4},
    {"prompt": "sun", "sampler": "unipc", "steps": 5, "guidance_scale": 2.0, "seed": 5},
    {"prompt": "tree", "sampler": "lcm", "steps": 3, "guidance_scale": 0.0, "seed": 6},
    {"prompt": "car", "sampler": "heun", "steps": 4, "guidance_scale": 7.5, "seed": 7},
    {"prompt": "", "sampler": "ddpm", "steps": 8, "guidance_scale": 4.0, "seed": 8},
]


def test_eight_mixed_rows_agree_with_their_own_pipelines(tiny: Any, loop: SamplingLoop) -> None:
    widths: list[int] = []
    hook = tiny.network.register_forward_pre_hook(lambda _, args: widths.append(len(args[0])))
    ours = loop.sample([tiny.row(**spec) for spec in MIXED])
    hook.remove()
    assert max(widths) == 14  # eight conditional halves and six unconditional ones, in one forward
    for spec, latents in zip(MIXED, ours, strict=True):
        expected = theirs(tiny, **spec)
        scale = expected.abs().max()
        assert (latents - expected).abs().max() <= 1e-5 * scale, spec["sampler"]


@pytest.mark.parametrize("prompt", ["a red fox", "", "many words " * 10])
def test_conditioning_is_that_of_the_pipeline(tiny: Any, prompt: str) -> None:
    pipeline = tiny.pipeline("StableDiffusionPipeline", "euler")
    with torch.inference_mode():
        positive, negative = pipeline.encode_prompt(prompt, "cpu", 1, True, "ugly")
        assert torch.equal(text.encode(tiny.encoder, prompt), positive)
        assert torch.equal(text.encode(tiny.encoder, "ugly"), negative)


def test_decoding_is_that_of_the_pipeline(tiny: Any) -> None:
    pipeline = tiny.pipeline("StableDiffusionPipeline", "euler")
    latents = torch.randn(tiny.shape(), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        raw = tiny.autoencoder.decode(latents / tiny.autoencoder.config.scaling_factor)[0]
        expected = pipeline.image_processor.postprocess(raw, output_type="pt")
        assert torch.equal(vae.decode(tiny.autoencoder, latents), expected)
