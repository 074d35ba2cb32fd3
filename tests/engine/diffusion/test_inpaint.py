"""What a mask keeps comes back at every step; parity with diffusers' inpainting pipeline.

The algorithms coincide for hard masks whose edges lie on the latents' grid, with the same steps
and the mode of the posterior. There our latents are the pipeline's bit for bit (and so well within
1/255 of a pixel) for every sampler but the DPM2 family: between the halves of a step those stand
at a sigma that the pipeline does not noise to, and ours does.
"""

import warnings
from typing import Any

import pytest
import torch
from PIL import Image as Pillow
from torch.nn import functional

from core.engine.diffusion import inpaint, noise, samplers
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import vae
from core.engine.pictures import from_pillow, to_pillow
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import BASE, SIZE, Tiny, write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
NAMES = [name for name in samplers.names() if name != "default"]
MIDWAY = {"dpm2", "dpm2_a"}
PIXEL = 1 / 255


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny model of four latent channels: the pipeline takes no other."""
    folder = tmp_path_factory.mktemp("four") / "four"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder, latents=4)
    return Tiny(folder)


@pytest.fixture(scope="module")
def nine(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny model made for inpainting: latents, mask and masked latents."""
    folder = tmp_path_factory.mktemp("nine") / "nine"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder, latents=4, inputs=9)
    return Tiny(folder)


def picture() -> torch.Tensor:
    """Give a picture whose pixels are whole levels, (1, 3, 32, 32)."""
    levels = torch.randint(0, 256, (1, 3, 8, 8), generator=torch.Generator().manual_seed(7))
    return functional.interpolate(levels / 255, (SIZE, SIZE), mode="nearest")


def left_half() -> torch.Tensor:
    mask = torch.zeros(1, 1, SIZE, SIZE)
    mask[..., : SIZE // 2] = 1
    return mask


def small(tiny: Tiny, mask: torch.Tensor) -> torch.Tensor:
    return functional.interpolate(mask, tiny.shape()[-2:], mode="nearest")


def theirs(tiny: Tiny, *, sampler: str, seed: int = 0, **call: Any) -> torch.Tensor:
    """Run diffusers' own pipeline on the picture and the left half; give its latents."""
    pipeline = tiny.pipeline("StableDiffusionInpaintPipeline", sampler)
    with posterior_mode(tiny.autoencoder):
        made: torch.Tensor = pipeline(
            prompt="a red fox", negative_prompt="", guidance_scale=5.0, num_inference_steps=5,
            image=picture(), mask_image=left_half(),
            width=SIZE, height=SIZE, generator=torch.Generator().manual_seed(seed),
            output_type="latent", **call,
        ).images  # fmt: skip
    return made


def encoded(tiny: Tiny, pixels: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return vae.encode(tiny.autoencoder, pixels)


@pytest.mark.parametrize("sampler", [name for name in NAMES if name not in MIDWAY])
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_hard_mask_is_bit_identical_to_the_pipeline(
    four: Tiny, loop: SamplingLoop, sampler: str, strength: float
) -> None:
    clean = encoded(four, picture())
    row = four.row(
        sampler=sampler, seed=2, clean=clean, mask=small(four, left_half()), strength=strength
    )
    ours = loop.sample([row])[0]
    assert torch.isfinite(ours).all()
    assert torch.equal(ours, theirs(four, sampler=sampler, seed=2, strength=strength))
    assert torch.equal(ours[..., 4:], clean[..., 4:])


@pytest.mark.parametrize("sampler", sorted(MIDWAY))
def test_dpm2_is_finite_and_keeps_its_half(four: Tiny, loop: SamplingLoop, sampler: str) -> None:
    clean = encoded(four, picture())
    row = four.row(sampler=sampler, clean=clean, mask=small(four, left_half()))
    ours = loop.sample([row])[0]
    assert torch.isfinite(ours).all()
    assert torch.equal(ours[..., 4:], clean[..., 4:])
    assert not torch.equal(ours[..., :4], clean[..., :4])


@pytest.mark.parametrize("sampler", ["heun", "dpm2", "dpm2_a", "euler", "dpmpp_2m", "unipc"])
def test_what_is_kept_is_noised_to_where_the_network_expects_it(sampler: str) -> None:
    """The input's scale tells the sigma; clean latents of 0 leave only the noise."""

    scheduler = samplers.make(sampler, "default", BASE, 5)
    scheduler.set_begin_index(0)
    latents = torch.ones(1, 1, 1, 1) * scheduler.init_noise_sigma
    for index, timestep in enumerate(scheduler.timesteps[:-1]):
        scaled = scheduler.scale_model_input(latents, timestep)
        options = {"generator": noise.generator(0)} if sampler == "dpm2_a" else {}
        latents = scheduler.step(torch.zeros_like(scaled), timestep, latents, **options)[0]
        upcoming = scheduler.timesteps[index + 1]
        signal, rest = inpaint.level_after(scheduler, upcoming)
        scale = float(scheduler.scale_model_input(torch.ones(1), upcoming))
        assert (signal**2 + rest**2) * scale**2 == pytest.approx(1, rel=1e-4)
    assert inpaint.level_after(scheduler, None) == (1.0, 0.0)


def test_a_soft_mask_frees_each_cell_at_its_step() -> None:
    mask = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0]).view(1, 1, 1, 5)
    kept = inpaint.Kept(mask, torch.zeros(1, 1, 1, 5), torch.zeros(1, 1, 1, 5))
    free = [
        kept.blend(torch.ones(1, 1, 1, 5), (1.0, 0.0), done, 8).flatten().tolist()
        for done in range(9)
    ]
    first = [next((i for i, row in enumerate(free) if row[cell]), None) for cell in range(5)]
    assert first == [None, 7, 5, 3, 0]


def test_bringing_back_what_is_kept_waits_for_no_device() -> None:
    """Tensors without data refuse whatever would read one back."""
    latents = torch.zeros(1, 4, 8, 8, device="meta")
    kept = inpaint.Kept(torch.ones(1, 1, 8, 8), torch.zeros(1, 4, 8, 8), torch.zeros(1, 4, 8, 8))
    kept.enter(latents.device)
    assert kept.blend(latents, (0.5, 0.5), 1, 4).shape == latents.shape


def test_rows_with_and_without_masks_share_a_forward_and_change_no_pixel(
    four: Tiny, loop: SamplingLoop
) -> None:
    clean = encoded(four, picture())
    soft = torch.linspace(0, 1, 8).view(1, 1, 1, 8).repeat(1, 1, 8, 1)
    hard = small(four, left_half())
    specs: list[dict[str, Any]] = [
        {"sampler": "euler", "clean": clean, "mask": hard, "seed": 1},
        {"sampler": "heun", "clean": clean, "mask": soft, "seed": 2, "strength": 0.8},
        {"sampler": "dpm2", "clean": clean, "mask": 1 - hard, "seed": 3},
        {"sampler": "ddim", "clean": clean, "seed": 4, "strength": 0.5},
        {"sampler": "unipc", "seed": 5, "guidance_scale": 1.0},
        {"sampler": "lcm", "clean": clean, "mask": soft, "seed": 6, "steps": 3},
    ]
    widths: list[int] = []
    hook = four.network.register_forward_pre_hook(lambda _, args: widths.append(len(args[0])))
    mixed = loop.sample([four.row(**spec) for spec in specs])
    hook.remove()
    assert max(widths) == 11
    with torch.inference_mode():
        for spec, latents in zip(specs, mixed, strict=True):
            alone = loop.sample([four.row(**spec)])[0]
            pixels = [vae.decode(four.autoencoder, one) for one in (alone, latents)]
            assert (pixels[0] - pixels[1]).abs().max() <= PIXEL, spec["sampler"]


def test_exact_rows_with_masks_are_bit_identical_beside_others(
    four: Tiny, loop: SamplingLoop
) -> None:
    clean, hard = encoded(four, picture()), small(four, left_half())
    spec: dict[str, Any] = {"clean": clean, "mask": hard, "seed": 1}
    alone = loop.sample([four.row(**spec)])[0]
    beside = [four.row(**spec, exact=True), four.row(seed=9), four.row(**spec, steps=3)]
    assert torch.equal(loop.sample(beside)[0], alone)


@pytest.mark.parametrize("sampler", ["euler", "ddim", "heun", "dpmpp_2m"])
@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_a_network_of_nine_channels_is_bit_identical_to_the_pipeline(
    nine: Tiny, loop: SamplingLoop, sampler: str, strength: float
) -> None:
    hard = left_half()
    masked = encoded(nine, torch.where(hard >= 0.5, 0.5, picture()))
    row = nine.row(
        sampler=sampler, seed=2, clean=encoded(nine, picture()), strength=strength,
        channels=torch.cat([small(nine, hard), masked], dim=1),
    )  # fmt: skip
    if strength == 1:  # the pipeline begins with noise alone
        row.latents = noise.draw(nine.shape(), noise.generator(2)) * row.scheduler.init_noise_sigma
    ours = loop.sample([row])[0]
    assert torch.equal(ours, theirs(nine, sampler=sampler, seed=2, strength=strength))


def test_the_picture_of_the_test_has_whole_levels() -> None:
    (shown,) = to_pillow(picture())
    assert isinstance(shown, Pillow.Image)
    assert torch.equal(from_pillow(shown), picture())
