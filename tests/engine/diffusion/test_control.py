"""ControlNets in the shared forward: diffusers' own latents alone, and the same beside others."""

import threading
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.diffusion import noise
from core.engine.diffusion.control import Use
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import load, vae
from core.engine.values import ControlNet
from tests.engine.diffusion.test_inpaint import left_half, picture, small
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import SIZE, Tiny, write_controlnet, write_model

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
PIXEL = 1 / 255
TEXT, IMAGE, INPAINT = (
    f"StableDiffusionControlNet{kind}Pipeline" for kind in ("", "Img2Img", "Inpaint")
)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny model of four latent channels: the pipeline for inpainting takes no other."""
    folder = tmp_path_factory.mktemp("four") / "four"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder, latents=4)
    return Tiny(folder)


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """Three ControlNets for it; the last pools its residuals."""
    found = []
    for seed in range(3):
        folder = tmp_path_factory.mktemp("nets") / f"net{seed}"
        write_controlnet(folder, latents=4, seed=seed, global_pool_conditions=seed == 2)
        handle = ControlNet(identity=f"n{seed}", path=str(folder), family="sd1")
        found.append(load.load(handle, torch.float32))
    return found


def shown(seed: int) -> torch.Tensor:
    return torch.rand((1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(seed))


def use(nets: Sequence[Any], index: int, seed: int = 50, **options: Any) -> Use:
    return Use(nets[index], f"n{index}", shown(seed), **options)


def theirs(
    tiny: Tiny, nets: Any, images: Any, kind: str = TEXT, *, seed: int = 3, **call: Any
) -> torch.Tensor:
    pipeline = tiny.pipeline(kind, call.pop("sampler", "euler"), controlnet=nets)
    given = {
        "prompt": "a red fox", "negative_prompt": "", "guidance_scale": 5.0,
        "num_inference_steps": 5, "output_type": "latent",
    }  # fmt: skip
    given["image" if kind == TEXT else "control_image"] = images
    with posterior_mode(tiny.autoencoder):
        made: torch.Tensor = pipeline(
            **given | call, generator=torch.Generator().manual_seed(seed)
        ).images
    return made


def pixels_of(tiny: Tiny, latents: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        return vae.decode(tiny.autoencoder, latents)


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize("sampler", ["euler", "heun", "unipc", "lcm"])
def test_a_controlled_row_alone_is_bit_identical_to_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop, sampler: str, guidance_scale: float
) -> None:
    options: dict[str, Any] = {"sampler": sampler, "guidance_scale": guidance_scale}
    ours = loop.sample([four.row(seed=3, controls=[use(nets, 0, weight=0.7)], **options)])[0]
    expected = theirs(four, nets[0], shown(50), controlnet_conditioning_scale=0.7, **options)
    assert torch.equal(ours, expected)
    assert not torch.equal(ours, loop.sample([four.row(seed=3, **options)])[0])


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.4), (0.3, 1.0), (0.2, 0.61), (0.99, 1.0)])
@pytest.mark.parametrize("sampler", ["euler", "heun"])
def test_a_span_of_the_steps_is_that_of_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop, start: float, end: float, sampler: str
) -> None:
    controls = [use(nets, 0, start=start, end=end)]
    ours = loop.sample([four.row(seed=3, sampler=sampler, controls=controls)])[0]
    expected = theirs(
        four, nets[0], shown(50), control_guidance_start=start, control_guidance_end=end,
        sampler=sampler,
    )  # fmt: skip
    assert torch.equal(ours, expected)


def test_several_nets_are_those_of_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    controls = [
        use(nets, 0, 50, weight=0.5, end=0.8),
        use(nets, 1, 51, weight=1.4, start=0.3),
        use(nets, 0, 52, weight=0.9),
    ]
    ours = loop.sample([four.row(seed=3, controls=controls)])[0]
    expected = theirs(
        four, [nets[0], nets[1], nets[0]], [shown(50), shown(51), shown(52)],
        controlnet_conditioning_scale=[0.5, 1.4, 0.9],
        control_guidance_start=[0.0, 0.3, 0.0], control_guidance_end=[0.8, 1.0, 1.0],
    )  # fmt: skip
    assert (pixels_of(four, ours) - pixels_of(four, expected)).abs().max() <= PIXEL
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
@pytest.mark.parametrize(("net", "mode"), [(0, "control"), (2, "balanced"), (2, "control")])
def test_the_mode_control_and_nets_that_pool_are_those_of_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop, net: int, mode: Any, guidance_scale: float
) -> None:
    controls = [use(nets, net, weight=0.8, mode=mode)]
    ours = loop.sample([four.row(seed=3, controls=controls, guidance_scale=guidance_scale)])[0]
    expected = theirs(
        four, nets[net], shown(50), controlnet_conditioning_scale=0.8,
        guess_mode=mode == "control", guidance_scale=guidance_scale,
    )  # fmt: skip
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_mode_prompt_is_softer_than_balanced(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    def drawn(*controls: Use) -> torch.Tensor:
        return loop.sample([four.row(seed=3, controls=controls)])[0]

    plain = drawn()
    soft = (drawn(use(nets, 0, mode="prompt")) - plain).abs().mean()
    full = (drawn(use(nets, 0)) - plain).abs().mean()
    assert 0 < soft < full


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_image_to_image_is_that_of_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop, strength: float
) -> None:
    with torch.inference_mode():
        clean = vae.encode(four.autoencoder, picture())
    controls = [use(nets, 0, weight=0.7, start=0.3)]
    row = four.row(seed=3, clean=clean, strength=strength, controls=controls)
    expected = theirs(
        four, nets[0], shown(50), IMAGE, image=picture(), strength=strength,
        controlnet_conditioning_scale=0.7, control_guidance_start=0.3,
    )  # fmt: skip
    assert torch.equal(loop.sample([row])[0], expected)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_inpainting_is_that_of_the_pipeline(
    four: Tiny, nets: list[Any], loop: SamplingLoop, strength: float
) -> None:
    with torch.inference_mode():
        clean = vae.encode(four.autoencoder, picture())
    controls = [use(nets, 0, weight=0.7)]
    mask = small(four, left_half())
    row = four.row(seed=3, clean=clean, mask=mask, strength=strength, controls=controls)
    expected = theirs(
        four, nets[0], shown(50), INPAINT, image=picture(), mask_image=left_half(),
        strength=strength, controlnet_conditioning_scale=0.7, width=SIZE, height=SIZE,
    )  # fmt: skip
    assert torch.equal(loop.sample([row])[0], expected)


def test_a_net_beside_a_network_of_nine_channels_sees_the_latents_alone(
    tmp_path: Path, nets: list[Any], loop: SamplingLoop
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(tmp_path / "nine", latents=4, inputs=9)
    nine, hard = Tiny(tmp_path / "nine"), left_half()
    with torch.inference_mode():
        masked = vae.encode(nine.autoencoder, torch.where(hard >= 0.5, 0.5, picture()))
        clean = vae.encode(nine.autoencoder, picture())
    row = nine.row(
        seed=3, clean=clean, controls=[use(nets, 0)],
        channels=torch.cat([small(nine, hard), masked], dim=1),
    )  # fmt: skip
    row.latents = noise.draw(nine.shape(), noise.generator(3)) * row.scheduler.init_noise_sigma
    expected = theirs(
        nine, nets[0], shown(50), INPAINT, image=picture(), mask_image=hard, strength=1.0,
        controlnet_conditioning_scale=1.0, width=SIZE, height=SIZE,
    )  # fmt: skip
    assert torch.equal(loop.sample([row])[0], expected)


def specs(nets: list[Any]) -> list[dict[str, Any]]:
    """Rows of one set of nets that differ in all else."""
    return [
        {"seed": 1, "controls": [use(nets, 0, 60), use(nets, 1, 61)]},
        {
            "seed": 2, "sampler": "heun", "steps": 4,
            "controls": [use(nets, 0, 62, weight=0.3, end=0.5), use(nets, 1, 63, start=0.5)],
        },
        {
            "seed": 3, "guidance_scale": 1.0,
            "controls": [use(nets, 0, 64, mode="control"), use(nets, 1, 65, weight=0.0)],
        },
        {
            "seed": 4, "sampler": "ddim",
            "controls": [use(nets, 0, 66, mode="control"), use(nets, 1, 67, mode="prompt")],
        },
    ]  # fmt: skip


def test_rows_of_one_set_of_nets_share_forwards_and_change_no_pixel(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    widths: dict[str, list[int]] = {"unet": [], "net": []}
    hooks = [
        four.network.register_forward_pre_hook(lambda _, args: widths["unet"].append(len(args[0]))),
        nets[0].register_forward_pre_hook(lambda _, args: widths["net"].append(len(args[0]))),
    ]
    mixed = loop.sample([four.row(**spec) for spec in specs(nets)])
    for hook in hooks:
        hook.remove()
    assert max(widths["unet"]) == 7  # four rows, three of them guided
    assert max(widths["net"]) == 6  # all but the half that the mode "control" leaves alone
    for spec, latents in zip(specs(nets), mixed, strict=True):
        alone = loop.sample([four.row(**spec)])[0]
        assert (pixels_of(four, alone) - pixels_of(four, latents)).abs().max() <= PIXEL
        assert (alone - latents).abs().max() <= 1e-5 * alone.abs().max()


def test_rows_of_other_nets_or_none_wait_for_a_forward_of_their_own(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    sets: list[list[Use]] = [
        [], [use(nets, 0)], [use(nets, 1)], [use(nets, 0), use(nets, 1)],
        [use(nets, 1), use(nets, 0)],
    ]  # fmt: skip
    assert len({four.row(controls=controls).group for controls in sets}) == len(sets)
    mixed = loop.sample([four.row(seed=5, controls=controls) for controls in sets])
    for controls, latents in zip(sets, mixed, strict=True):
        assert torch.equal(loop.sample([four.row(seed=5, controls=controls)])[0], latents)


def test_a_net_that_no_row_is_inside_of_is_not_run(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    runs: list[int] = []
    hook = nets[0].register_forward_pre_hook(lambda _, args: runs.append(len(args[0])))
    loop.sample([four.row(steps=5, controls=[use(nets, 0, start=0.2, end=0.6)])])
    hook.remove()
    assert runs == [2, 2]


def test_an_exact_controlled_row_is_bit_identical_beside_others(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    spec: dict[str, Any] = {"seed": 1, "controls": [use(nets, 0, 60)]}
    alone = loop.sample([four.row(**spec)])[0]
    beside = [four.row(**spec, exact=True), four.row(seed=9, controls=[use(nets, 0, 61)])]
    assert torch.equal(loop.sample(beside)[0], alone)


def test_a_picture_of_another_size_fails_its_row_alone(
    four: Tiny, nets: list[Any], loop: SamplingLoop
) -> None:
    good: dict[str, Any] = {"seed": 1, "controls": [use(nets, 0, 60)]}
    expected = loop.sample([four.row(**good)])[0]
    bad = Use(nets[0], "n0", torch.rand(1, 3, SIZE + 8, SIZE))
    failures: list[BaseException] = []

    def fail() -> None:
        with torch.inference_mode(), pytest.raises(RuntimeError) as caught:
            loop.sample([four.row(seed=2, controls=[bad])])
        failures.append(caught.value)

    thread = threading.Thread(target=fail)
    thread.start()
    ours = loop.sample([four.row(**good)])[0]
    thread.join(15)
    assert len(failures) == 1
    assert (ours - expected).abs().max() <= 1e-5 * expected.abs().max()
