"""The nodes of control on an engine: from a picture to what is drawn by it."""

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.context import Context
from core.engine.nodes.control import ControlCut, ControlNetNode, ControlScale
from core.engine.nodes.latent import LatentDecode, LatentEncode
from core.engine.nodes.preprocess import PreprocessCanny, PreprocessLineart, PreprocessLuminance
from core.engine.values import Area, Control, Image, Latent
from core.errors import Invalid, ModelUnreadable, NotFound
from core.graph.catalogue import Resource
from tests.engine.bench import Bench, empty, parts, sample
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import SIZE, Tiny, write_controlnet, write_model

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder)
        write_controlnet(folder.with_name("edges"))
        write_controlnet(folder.with_name("wide"), cross_attention_dim=32)
        write_controlnet(folder.with_name("grey"), conditioning_channels=1)
    return Tiny(folder)


@pytest.fixture
def bench(tiny: Tiny, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tiny, tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()


def context(bench: Bench, tiny: Tiny, name: str = "edges", **fields: Any) -> Context:
    ctx = bench.context()
    given: dict[str, Any] = {
        "id": "c", "kind": "controlnet", "path": str(tiny.folder.with_name(name)),
        "identity": name, "family": "unknown", "format": "diffusers", "name": name,
    }  # fmt: skip
    ctx.job.resources["c"] = Resource(**given | fields)
    return ctx


def shown(seed: int = 0, height: int = SIZE, width: int = SIZE, count: int = 1) -> Image:
    source = torch.Generator().manual_seed(seed)
    return Image(pixels=torch.rand((count, 3, height, width), generator=source))


def net(ctx: Context, image: Image, latent: Latent | None = None, **options: Any) -> Control:
    before = options.pop("control", None)
    node = ControlNetNode(controlnet="c", **options)
    return node.run(ctx, image, parts(ctx).model, latent or empty(ctx), before)


def drawn(ctx: Context, control: Control | None, latent: Latent | None = None) -> torch.Tensor:
    made = sample(ctx, latent or empty(ctx), control=control)
    return LatentDecode().run(ctx, parts(ctx).vae, made).pixels


def test_a_controlled_picture_is_that_of_the_pipeline(bench: Bench, tiny: Tiny) -> None:
    from diffusers import ControlNetModel

    ctx, image = context(bench, tiny), shown()
    ours = drawn(ctx, net(ctx, image, weight=0.8, end=0.6))
    theirs = ControlNetModel.from_pretrained(tiny.folder.with_name("edges"))
    expected = tiny.pipeline("StableDiffusionControlNetPipeline", "euler", controlnet=theirs)(
        prompt="a red fox", negative_prompt="", num_inference_steps=4, guidance_scale=7.5,
        image=image.pixels, controlnet_conditioning_scale=0.8, control_guidance_end=0.6,
        generator=torch.Generator().manual_seed(3), output_type="pt",
    ).images  # fmt: skip
    assert torch.equal(ours, expected)
    assert not torch.equal(ours, drawn(ctx, None))


def test_image_to_image_with_two_nets_is_that_of_the_pipeline(bench: Bench, tiny: Tiny) -> None:
    from diffusers import ControlNetModel

    ctx, start = context(bench, tiny), shown(1)
    clean = LatentEncode().run(ctx, parts(ctx).vae, start)
    first = net(ctx, shown(2), weight=0.8)
    both = net(ctx, shown(3), weight=0.5, start=0.5, control=first)
    ours = drawn(ctx, both, clean)
    theirs = ControlNetModel.from_pretrained(tiny.folder.with_name("edges"))
    pipeline = tiny.pipeline(
        "StableDiffusionControlNetImg2ImgPipeline", "euler", controlnet=[theirs, theirs]
    )
    with posterior_mode(tiny.autoencoder):
        expected = pipeline(
            prompt="a red fox", negative_prompt="", num_inference_steps=4, guidance_scale=7.5,
            image=start.pixels, control_image=[shown(2).pixels, shown(3).pixels], strength=1.0,
            controlnet_conditioning_scale=[0.8, 0.5], control_guidance_start=[0.0, 0.5],
            generator=torch.Generator().manual_seed(3), output_type="pt",
        ).images  # fmt: skip
    assert (ours - expected).abs().max() <= 1 / 255


def test_a_net_is_pinned_while_it_is_used_and_let_go_after(bench: Bench, tiny: Tiny) -> None:
    ctx = context(bench, tiny)
    control = net(ctx, shown())
    assert "edges" not in bench.engine.residency.identities()
    drawn(ctx, control)
    assert "edges" in bench.engine.residency.identities()
    bench.engine.residency.unload("edges")
    assert "edges" not in bench.engine.residency.identities()


def test_a_picture_for_each_of_a_batch_or_one_for_all(bench: Bench, tiny: Tiny) -> None:
    ctx = context(bench, tiny)
    ctx.job.exact = True
    two = Latent(samples=empty(ctx).samples.repeat(2, 1, 1, 1), empty=True)
    each = shown(4, count=2)
    both = drawn(ctx, net(ctx, each), two)
    assert torch.equal(both[:1], drawn(ctx, net(ctx, Image(pixels=each.pixels[:1]))))
    shared = drawn(ctx, net(ctx, Image(pixels=each.pixels[:1])), two)
    assert torch.equal(shared[:1], both[:1])
    assert not torch.equal(shared[1:], both[1:])
    with pytest.raises(Invalid, match="batch_mismatch"):
        drawn(ctx, net(ctx, shown(5, count=3)), two)


def test_the_picture_comes_to_the_size_of_what_is_drawn(bench: Bench, tiny: Tiny) -> None:
    ctx = context(bench, tiny)
    latent = empty(ctx, width=48, height=32)
    for mode in ("stretch", "crop", "fit"):
        (use,) = net(ctx, shown(6, 20, 70), latent, resize=mode).uses
        assert use.pixels.shape == (1, 3, 32, 48)
    larger = empty(ctx, width=64, height=64)
    control = net(ctx, shown(6))
    assert drawn(ctx, control, larger).shape == (1, 3, 64, 64)  # a second, larger pass


def test_a_preprocessor_between_scaling_and_net_sees_the_final_size(
    bench: Bench, tiny: Tiny
) -> None:
    ctx, image = context(bench, tiny), shown(7, 50, 90)
    model, latent = parts(ctx).model, empty(ctx)
    scaled = ControlScale(mode="crop").run(ctx, image, model, latent)
    assert scaled.pixels.shape[2] == SIZE
    edges = PreprocessCanny().run(ctx, scaled)
    (use,) = net(ctx, edges, latent).uses
    assert set(use.pixels.unique().tolist()) <= {0.0, 1.0}  # no edge was blurred by scaling


def test_the_area_of_a_picture_that_is_drawn_is_cut_out_of_its_control(
    bench: Bench, tiny: Tiny
) -> None:
    ctx, source = context(bench, tiny), shown(8, 40, 60)
    area = Area(left=10, top=4, width=30, height=20)
    cut = ControlCut().run(ctx, source, source, area)
    assert torch.equal(cut.pixels, source.pixels[..., 4:24, 10:40])


def test_what_cannot_steer_is_refused(bench: Bench, tiny: Tiny) -> None:
    ctx = context(bench, tiny)
    with pytest.raises(Invalid, match="number_not_below"):
        net(ctx, shown(), start=0.5, end=0.5)
    with pytest.raises(Invalid, match="model_wrong_family"):
        net(context(bench, tiny, family="sdxl"), shown())
    with pytest.raises(NotFound):
        ControlNetNode(controlnet="?").run(ctx, shown(), parts(ctx).model, empty(ctx))
    control = None
    for _ in range(16):
        control = net(ctx, shown(), control=control)
    with pytest.raises(Invalid, match="too_long"):
        net(ctx, shown(), control=control)
    for name in ("wide", "grey"):
        found = context(bench, tiny, name)
        with pytest.raises(Invalid, match="control_misfit"):
            drawn(found, net(found, shown()))


def test_a_net_that_is_gone_or_no_controlnet_is_told(
    bench: Bench, tiny: Tiny, tmp_path: Path
) -> None:
    gone = context(bench, tiny, path=str(tmp_path / "gone"), identity="gone")
    with pytest.raises(ModelUnreadable):
        drawn(gone, net(gone, shown()))
    shutil.copytree(tiny.folder / "unet", tmp_path / "unet")
    other = context(bench, tiny, path=str(tmp_path / "unet"), identity="unet")
    with pytest.raises(ModelUnreadable):
        drawn(other, net(other, shown()))


def test_edges_are_grey_pictures_and_thresholds_stand_in_order(bench: Bench, tiny: Tiny) -> None:
    ctx, image = context(bench, tiny), shown(9, 20, 30, count=2)
    for node in (PreprocessCanny(), PreprocessLineart(), PreprocessLuminance(gamma=2.0)):
        made = node.run(ctx, image).pixels
        assert made.shape == image.pixels.shape
        assert torch.equal(made[:, :1], made[:, 2:])
    with pytest.raises(Invalid, match="number_too_large"):
        PreprocessCanny(low=0.5, high=0.4).run(ctx, image)
