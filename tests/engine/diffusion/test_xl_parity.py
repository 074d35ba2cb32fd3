"""Stable Diffusion XL: our latents are diffusers' own, bit for bit alone, to 1e-5 in a batch."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.diffusion import noise
from core.engine.diffusion.control import Use
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import load, vae
from core.engine.models.families import family_of
from core.engine.values import ControlNet, Model, Vae
from core.errors import Invalid, ModelUnreadable
from tests.engine import tiny_xl
from tests.engine.diffusion.test_inpaint import encoded, left_half, picture, small
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import SIZE, Tiny
from tests.engine.tiny_xl import TinyXl

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
TEXT, IMAGE, INPAINT = (f"StableDiffusionXL{kind}Pipeline" for kind in ("", "Img2Img", "Inpaint"))
PARTS = ("controlnet", "requires_aesthetics_score")
CONTROL = "StableDiffusionXLControlNetPipeline"


def theirs(
    tiny: Tiny, kind: str = TEXT, *, sampler: str = "euler", seed: int = 3, **call: Any
) -> torch.Tensor:
    """Run diffusers' own pipeline; give its latents."""
    schedule = call.pop("schedule", "default")
    parts = {name: call.pop(name) for name in PARTS if name in call}
    pipeline = tiny.pipeline(kind, sampler, schedule, **parts)
    given = {"negative_prompt": "", "guidance_scale": 5.0, "num_inference_steps": 4}
    if kind in (TEXT, INPAINT, CONTROL):
        given |= dict.fromkeys(("width", "height"), SIZE)
    with posterior_mode(tiny.autoencoder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: torch.Tensor = pipeline(
            **{"prompt": "a red fox"} | given | call,
            generator=torch.Generator().manual_seed(seed), output_type="latent",
        ).images  # fmt: skip
    return made


def drawn(tiny: Tiny, loop: SamplingLoop, **spec: Any) -> torch.Tensor:
    return loop.sample([tiny.row(**{"seed": 3, "steps": 4} | spec)])[0]


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize("sampler", ["default", "euler_a", "ddim", "dpmpp_2m", "unipc", "heun"])
def test_a_row_alone_is_bit_identical_to_the_pipeline(
    xl: TinyXl, loop: SamplingLoop, sampler: str, guidance_scale: float
) -> None:
    ours = drawn(xl, loop, sampler=sampler, guidance_scale=guidance_scale, negative="rain")
    assert torch.isfinite(ours).all()
    options: dict[str, Any] = {"sampler": sampler, "guidance_scale": guidance_scale}
    assert torch.equal(ours, theirs(xl, negative_prompt="rain", **options))


def test_few_steps_without_guidance_are_those_of_a_turbo(xl: TinyXl, loop: SamplingLoop) -> None:
    options: dict[str, Any] = {
        "sampler": "euler_a", "schedule": "sgm_uniform", "guidance_scale": 0.0,
    }  # fmt: skip
    expected = theirs(xl, num_inference_steps=1, negative_prompt=None, **options)
    assert torch.equal(drawn(xl, loop, steps=1, **options), expected)


@pytest.mark.parametrize("strength", [0.6, 1.0])
@pytest.mark.parametrize("sampler", ["euler", "dpmpp_2m"])
def test_image_to_image_is_that_of_the_pipeline(
    xl: TinyXl, loop: SamplingLoop, sampler: str, strength: float
) -> None:
    options: dict[str, Any] = {"sampler": sampler, "strength": strength}
    ours = drawn(xl, loop, clean=encoded(xl, picture()), **options)
    assert torch.equal(ours, theirs(xl, IMAGE, image=picture(), **options))


@pytest.mark.parametrize("strength", [0.6, 0.99])
def test_inpainting_is_that_of_the_pipeline(
    xl: TinyXl, loop: SamplingLoop, strength: float
) -> None:
    mask, clean = small(xl, left_half()), encoded(xl, picture())
    ours = drawn(xl, loop, sampler="euler", clean=clean, mask=mask, strength=strength)
    expected = theirs(
        xl, INPAINT, image=picture(), mask_image=left_half(), strength=strength
    )  # fmt: skip
    assert torch.equal(ours, expected)


@pytest.mark.slow
def test_a_network_of_nine_channels_is_that_of_the_pipeline(
    tmp_path: Path, loop: SamplingLoop
) -> None:
    tiny_xl.write_model(tmp_path / "nine", inputs=9)
    nine, hard = TinyXl(tmp_path / "nine"), left_half()
    masked = encoded(nine, torch.where(hard >= 0.5, 0.5, picture()))
    row = nine.row(
        sampler="euler", seed=3, steps=4, clean=encoded(nine, picture()),
        channels=torch.cat([small(nine, hard), masked], dim=1),
    )  # fmt: skip
    row.latents = noise.draw(nine.shape(), noise.generator(3)) * row.scheduler.init_noise_sigma
    expected = theirs(nine, INPAINT, image=picture(), mask_image=hard, strength=1.0)
    assert torch.equal(loop.sample([row])[0], expected)


def test_a_controlnet_is_told_of_sizes_as_the_network_is(
    xl: TinyXl, loop: SamplingLoop, tmp_path: Path
) -> None:
    folder = tiny_xl.write_controlnet(tmp_path / "net")
    net = load.load(ControlNet(identity="n", path=str(folder), family="sdxl"), torch.float32)
    shown = torch.rand((1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(50))

    def use() -> Use:
        return Use(net, "n", shown, weight=0.7, call=family_of("sdxl").net)

    ours = drawn(xl, loop, sampler="euler", controls=[use()])
    expected = theirs(xl, CONTROL, controlnet=net, image=shown, controlnet_conditioning_scale=0.7)
    assert torch.equal(ours, expected)
    assert not torch.equal(ours, drawn(xl, loop, sampler="euler"))
    both = [xl.row(seed=seed, steps=4, controls=[use()]) for seed in (3, 4)]
    assert close(loop.sample(both)[0], ours)


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= 1e-5 * other.abs().max())


@pytest.mark.slow
def test_rows_of_every_kind_share_a_forward_and_agree_with_those_alone(
    xl: TinyXl, loop: SamplingLoop
) -> None:
    clean = encoded(xl, picture())
    specs: list[dict[str, Any]] = [
        {"prompt": "a red fox", "sampler": "euler", "steps": 5, "seed": 1},
        {"prompt": "a blue owl", "sampler": "euler_a", "steps": 7, "guidance_scale": 3.0},
        {"prompt": "x", "sampler": "dpmpp_2m", "steps": 4, "guidance_scale": 1.0, "seed": 3},
        {"prompt": "tree", "sampler": "heun", "steps": 3, "negative": "rain", "seed": 4},
        {"clean": clean, "strength": 0.5, "sampler": "ddim", "seed": 5},
        {"clean": clean, "mask": small(xl, left_half()), "sampler": "euler", "seed": 6},
    ]
    widths: list[int] = []
    hook = xl.network.register_forward_pre_hook(lambda _, args: widths.append(len(args[0])))
    mixed = loop.sample([xl.row(**spec) for spec in specs])
    hook.remove()
    assert max(widths) == 11
    for spec, latents in zip(specs, mixed, strict=True):
        assert close(latents, loop.sample([xl.row(**spec)])[0]), spec


def test_what_a_network_is_told_of_sizes_changes_what_it_draws(
    xl: TinyXl, loop: SamplingLoop
) -> None:
    wide = xl.row(sampler="euler", seed=3, steps=4)
    wide.pixels = (1024, 1024)
    assert not close(loop.sample([wide])[0], drawn(xl, loop, sampler="euler"))


def test_the_refiner_is_that_of_the_pipeline(tmp_path: Path, loop: SamplingLoop) -> None:
    tiny_xl.write_model(tmp_path / "refiner", refiner=True, zeroed=False)

    class Refiner(TinyXl):
        family = "sdxl-refiner"

        def __init__(self, folder: Path) -> None:
            second = tiny_xl.text_handle(folder, self.family, "text_encoder_2")
            self.folder = folder
            self.second: Any = load.load(second, torch.float32)
            self.encoder = None
            fields: dict[str, Any] = {"identity": "r", "path": str(folder), "family": self.family}
            self.network = load.load(Model(**fields), torch.float32)
            self.autoencoder = load.load(Vae(**fields), torch.float32)
            self.channels, self.factor = 4, 4

    refiner = Refiner(tmp_path / "refiner")
    row = refiner.row(
        sampler="euler", seed=3, steps=4, clean=encoded(refiner, picture()), strength=0.6
    )
    expected = theirs(
        refiner, IMAGE, image=picture(), strength=0.6, requires_aesthetics_score=True
    )  # fmt: skip
    assert torch.equal(loop.sample([row])[0], expected)


def test_an_autoencoder_that_overflows_float16_is_read_in_float32(
    xl: TinyXl, tiny: Tiny, tmp_path: Path
) -> None:
    def format_of(handle: Vae) -> torch.dtype:
        return next(load.load(handle, torch.float16).parameters()).dtype

    assert format_of(xl.vae) == torch.float32
    assert load.size(xl.vae, torch.float16) == load.size(xl.vae, torch.float32)
    assert next(load.load(xl.vae, torch.bfloat16).parameters()).dtype == torch.bfloat16
    assert format_of(tiny.vae) == torch.float16
    assert next(load.load(xl.model, torch.float16).parameters()).dtype == torch.float16
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tiny_xl.write_model(tmp_path / "fixed")
    config = tmp_path / "fixed/vae/config.json"
    told = config.read_text("utf-8")
    config.write_text(told.replace('"force_upcast": true', '"force_upcast": false'), "utf-8")
    fixed = Vae(identity="f", path=str(tmp_path / "fixed"), family="sdxl")
    assert format_of(fixed) == torch.float16


def test_mean_and_deviation_of_an_autoencoders_channels_are_those_of_the_pipeline(
    xl: TinyXl,
) -> None:
    told = {"latents_mean": [0.5, -1.0, 0.0, 2.0], "latents_std": [2.0, 0.5, 1.0, 3.0]}
    coder = load.load(xl.vae, torch.float32)
    for name, value in told.items():
        coder.register_to_config(**{name: value})  # type: ignore[operator]
    latents = noise.draw(xl.shape(), noise.generator(0))
    mean, deviation = (torch.tensor(one).view(1, 4, 1, 1) for one in told.values())
    with torch.inference_mode():
        expected = vae.decode(xl.autoencoder, latents * deviation + mean * 0.5)
        assert torch.allclose(vae.decode(coder, latents), expected, atol=1e-6)
        clean = vae.encode(coder, picture())
        assert torch.allclose(
            clean * deviation + mean * 0.5, vae.encode(xl.autoencoder, picture()), atol=1e-5
        )


def test_a_part_that_a_family_does_not_have_is_told(tmp_path: Path) -> None:
    handle = ControlNet(identity="n", path=str(tmp_path), family="sdxl-refiner")
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        load.load(handle, torch.float32)


def test_too_many_layers_left_out_are_refused(xl: TinyXl) -> None:
    with pytest.raises(Invalid, match="clip_skip_too_large"):
        xl.words("a fox", clip_skip=3)


@pytest.mark.slow
def test_a_network_that_is_told_its_guidance_is_that_of_the_pipeline(
    tmp_path: Path, loop: SamplingLoop
) -> None:
    tiny_xl.write_model(tmp_path / "lcm", time_cond_proj_dim=16)
    lcm = TinyXl(tmp_path / "lcm")
    plain = {"sampler": "lcm", "guidance_scale": 1.0}
    rows = [lcm.row(**plain, seed=3, steps=4, told_guidance=told) for told in (7.0, 1.0)]
    mixed = loop.sample(rows)
    alone = [
        loop.sample([lcm.row(**plain, seed=3, steps=4, told_guidance=told)])[0]
        for told in (7.0, 1.0)
    ]
    for told, one, other in zip((7.0, 1.0), mixed, alone, strict=True):
        expected = theirs(lcm, sampler="lcm", guidance_scale=told + 1)
        assert torch.equal(other, expected)
        assert close(one, expected)
    assert not close(*alone)
    assert family_of("sdxl").told(lcm.network.config, 8.0) == 7.0
