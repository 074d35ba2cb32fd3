"""The recipes that make pictures larger, run by the real runner: parity, caches, sizes."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy
import pytest
import torch
from PIL import Image as Pillow
from torch.nn import functional

from core.engine.cache import Cache
from core.engine.context import Job
from core.engine.registry import built_in
from core.engine.runner import Runner, perform
from core.graph import recipes
from core.graph.catalogue import Resource
from core.ipc.reports import JobDone, JobFailed
from core.records.model import ModelDefaults
from tests.engine.bench import Bench
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import Tiny, write_model
from tests.engine.upscalers import compact, made_in, spandrel

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]
FOX: dict[str, Any] = {
    "prompt": "a red fox", "model": "m", "seed": 3, "steps": 4, "sampler": "euler",
    "guidance_scale": 5.0, "width": 32, "height": 48,
}  # fmt: skip


class Made(NamedTuple):
    report: Any
    picture: Any  # (H, W, 3) uint8


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny model of four latent channels, by which diffusers knows latents from pictures."""
    folder = tmp_path_factory.mktemp("models") / "four"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder, latents=4)
    return Tiny(folder)


@pytest.fixture
def run(four: Tiny, tmp_path: Path) -> Iterator[Callable[..., Made]]:
    spandrel()
    bench, cache, nodes = Bench(four, tmp_path), Cache(64 << 20), built_in()
    file = made_in(tmp_path, compact)
    source = numpy.random.default_rng(0).integers(0, 256, (20, 36, 3), numpy.uint8)
    Pillow.fromarray(source).save(tmp_path / "i.png")
    resources = {
        "m": Resource(id="m", kind="checkpoint", path=str(four.folder), identity="four",
                      family="sd1", format="diffusers"),
        "x2": Resource(id="x2", kind="upscaler", path=str(file), identity="x2", format="spandrel"),
        "i": Resource(id="i", kind="image", path=str(tmp_path / "i.png"), identity="i"),
    }  # fmt: skip

    def go(name: str, **fields: Any) -> Made:
        built = recipes.build(name, fields, ModelDefaults(), source=(36, 20))
        bench.outbox.begin("job")
        job = Job(f"job{len(list(tmp_path.glob('*.png')))}", exact=True, resources=resources)
        report = perform(Runner(bench.engine, cache, nodes, job), built.graph)
        if not isinstance(report, JobDone):
            return Made(report, None)
        with Pillow.open(tmp_path / report.images[0].path) as picture:
            return Made(report, numpy.asarray(picture))

    yield go
    bench.outbox.close()


def levels(pixels: torch.Tensor) -> Any:
    return pixels[0].permute(1, 2, 0).mul(255).round().to(torch.uint8).numpy()


def asked(picture: dict[str, Any], strength: float, seed: int = 3) -> dict[str, Any]:
    return {
        "prompt": "a red fox", "negative_prompt": "", "num_inference_steps": 4,
        "guidance_scale": 5.0, "generator": torch.Generator().manual_seed(seed),
        "strength": strength, **picture,
    }  # fmt: skip


def first(four: Tiny, kind: str) -> Any:
    words = {k: v for k, v in asked({}, 1.0).items() if k != "strength"}
    return four.pipeline("StableDiffusionPipeline", "euler")(
        **words, width=32, height=48, output_type=kind
    ).images


def test_both_passes_are_those_of_diffusers_pipelines_by_hand(
    four: Tiny, run: Callable[..., Made], tmp_path: Path
) -> None:
    larger = functional.interpolate(first(four, "latent"), scale_factor=2, mode="bilinear")
    expected = four.pipeline("StableDiffusionImg2ImgPipeline", "euler")(
        **asked({"image": larger, "output_type": "pt"}, 0.5)
    ).images
    made = run("hires", **FOX, hires_strength=0.5)
    assert made.picture.shape == (96, 64, 3)
    difference = numpy.abs(made.picture.astype(int) - levels(expected).astype(int))
    assert difference.max() <= 1

    network = spandrel().ModelLoader().load_from_file(made_in(tmp_path, compact))
    enlarged = network(first(four, "pt"))
    with posterior_mode(four.autoencoder):
        expected = four.pipeline("StableDiffusionImg2ImgPipeline", "euler")(
            **asked({"image": enlarged, "output_type": "pt"}, 0.5)
        ).images
    made = run("hires", **FOX, hires_strength=0.5, hires_upscaler="x2")
    difference = numpy.abs(made.picture.astype(int) - levels(expected).astype(int))
    assert difference.max() <= 1


def test_the_first_pass_is_drawn_once_for_several_second_passes(run: Callable[..., Made]) -> None:
    before = run("hires", **FOX, hires_strength=0.5)
    other = run("hires", **FOX, hires_strength=0.75)
    assert before.report.cached == 0
    assert other.report.ran == 3  # refine, decode, save
    assert (before.picture != other.picture).any()
    nothing = run("hires", **FOX, hires_strength=0.0, hires_factor=1)
    plain = run("txt2img", **FOX)
    assert (nothing.picture == plain.picture).all()


def test_a_picture_is_enlarged_and_its_details_are_drawn_anew(run: Callable[..., Made]) -> None:
    lanczos, by_model = (
        run("upscale", init_image="i"),
        run("upscale", init_image="i", upscaler="x2"),
    )
    assert lanczos.picture.shape == by_model.picture.shape == (40, 72, 3)
    assert (lanczos.picture != by_model.picture).any()
    words = {k: v for k, v in FOX.items() if k not in ("width", "height")}
    drawn = run(
        "upscale_diffusion", **words, init_image="i", upscaler="x2", factor=4, tile_size=64,
        tile_overlap=16, strength=0.5,
    )  # fmt: skip
    assert drawn.picture.shape == (80, 144, 3)
    one = run("upscale_diffusion", **words, init_image="i", factor=1, tile_size=64)
    assert one.picture.shape == (20, 36, 3)


def test_a_fault_of_an_upscaler_fails_its_job_with_a_reason(
    run: Callable[..., Made], tmp_path: Path
) -> None:
    (tmp_path / "compact().safetensors").write_bytes(b"no weights")
    failed = run("upscale", init_image="i", upscaler="x2").report
    assert isinstance(failed, JobFailed)
    assert (failed.code, failed.node) == ("model_unreadable", "enlarge")
    assert str(tmp_path) not in str(failed.params)
