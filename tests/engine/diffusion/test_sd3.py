"""Stable Diffusion 3 through the nodes of a graph: diffusers' own pictures."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.nodes.inpaint import InpaintEncode
from core.engine.nodes.latent import LatentEncode, LatentSample
from core.engine.nodes.prompt import PromptEncode
from core.engine.values import Image, Latent, Mask
from core.errors import Invalid
from tests.engine.bench import Bench, empty, parts
from tests.engine.diffusion.test_flux import FOX, draw, mask, picture
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny_flow import SIDE, WORDS, TinyFlow, write_sd3

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
WINDOW = 16  # tokens that the tiny CLIP reads


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TinyFlow]:
    folder = tmp_path_factory.mktemp("sd3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_sd3(folder / "whole")
        write_sd3(folder / "short", t5=False)
    return {name: TinyFlow(folder / name, "sd3") for name in ("whole", "short")}


@pytest.fixture
def benches(models: dict[str, TinyFlow], tmp_path: Path) -> Iterator[dict[str, Bench]]:
    made = {name: Bench(tiny, tmp_path) for name, tiny in models.items()}
    with torch.inference_mode():
        yield made
    for bench in made.values():
        bench.outbox.close()


def theirs(tiny: TinyFlow, kind: str = "StableDiffusion3Pipeline", **call: Any) -> torch.Tensor:
    pipeline = tiny.pipeline(kind)
    given = {"prompt": FOX, "num_inference_steps": 4, "guidance_scale": 5.0, **call}
    if kind != "StableDiffusion3Img2ImgPipeline":
        given = {"height": SIDE, "width": SIDE} | given
    with posterior_mode(pipeline.vae):
        made: torch.Tensor = pipeline(
            generator=torch.Generator().manual_seed(given.pop("seed", 3)),
            max_sequence_length=given.pop("words", WORDS),
            output_type="latent",
            **given,
        ).images
    return made


def close(ours: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((ours - expected).abs().max() <= 1e-5 * expected.abs().max())


@pytest.mark.parametrize("guidance_scale", [5.0, 1.0])
def test_text_to_image_is_that_of_the_pipeline_to_the_bit(
    models: dict[str, TinyFlow], benches: dict[str, Bench], guidance_scale: float
) -> None:
    ctx = benches["whole"].context()
    ours = draw(ctx, empty(ctx, SIDE, SIDE), guidance_scale=guidance_scale, negative="ugly")
    expected = theirs(models["whole"], guidance_scale=guidance_scale, negative_prompt="ugly")
    assert torch.equal(ours, expected)


def test_without_its_third_encoder_nothing_stands_in_its_place(
    models: dict[str, TinyFlow], benches: dict[str, Bench]
) -> None:
    """As many tokens of nothing as the third encoder would have read."""
    ctx = benches["short"].context()
    ours = draw(ctx, empty(ctx, SIDE, SIDE), guidance_scale=5.0)
    assert torch.equal(ours, theirs(models["short"], words=256))


@pytest.mark.parametrize("clip_skip", [0, 1])
def test_conditioning_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], clip_skip: int
) -> None:
    ctx = benches["whole"].context()
    ours = PromptEncode(prompt=FOX, clip_skip=clip_skip).run(ctx, parts(ctx).text_encoder)
    tokens, _, pooled, _ = models["whole"].pipeline("StableDiffusion3Pipeline").encode_prompt(
        FOX, FOX, FOX, clip_skip=clip_skip, do_classifier_free_guidance=False,
        max_sequence_length=WORDS,
    )  # fmt: skip
    assert torch.equal(ours.tokens, tokens)
    assert torch.equal(ours.pooled, pooled)


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_image_to_image_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], strength: float
) -> None:
    ctx = benches["whole"].context()
    clean = LatentEncode().run(ctx, parts(ctx).vae, Image(pixels=picture()))
    ours = draw(ctx, clean, strength=strength, steps=5, guidance_scale=5.0)
    expected = theirs(
        models["whole"], "StableDiffusion3Img2ImgPipeline", image=picture(), strength=strength,
        num_inference_steps=5,
    )  # fmt: skip
    assert close(ours, expected)


@pytest.mark.parametrize("strength", [0.6, 1.0])
def test_inpainting_is_that_of_the_pipeline(
    models: dict[str, TinyFlow], benches: dict[str, Bench], strength: float
) -> None:
    ctx = benches["whole"].context()
    found = parts(ctx)
    start = InpaintEncode().run(
        ctx, found.model, found.vae, Image(pixels=picture()), Mask(values=mask())
    )
    ours = draw(ctx, start, strength=strength, steps=5, guidance_scale=5.0)
    expected = theirs(
        models["whole"], "StableDiffusion3InpaintPipeline", image=picture(), mask_image=mask(),
        strength=strength, num_inference_steps=5,
    )  # fmt: skip
    assert close(ours, expected)


def test_a_batch_is_as_each_alone(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    two = Latent(samples=empty(ctx, SIDE, SIDE).samples.repeat(2, 1, 1, 1), empty=True)
    together = draw(ctx, two, seed=7, guidance_scale=5.0)
    for index in range(2):
        alone = draw(ctx, empty(ctx, SIDE, SIDE), seed=7 + index, guidance_scale=5.0)
        assert close(together[index : index + 1], alone)


def test_long_prompts_lengthen_the_short_one(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    encoder = parts(ctx).text_encoder
    long = PromptEncode(prompt="many words of foxes and owls").run(ctx, encoder)
    short = PromptEncode(prompt="ox").run(ctx, encoder)
    assert long.tokens.shape[1] > short.tokens.shape[1] == WINDOW + WORDS
    assert (long.tokens.shape[1] - WORDS) % WINDOW == 0
    made = draw(ctx, empty(ctx, SIDE, SIDE), words="many words of foxes and owls", negative="ox")
    assert torch.isfinite(made).all()


def test_weights_reach_every_encoder(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    encoder = parts(ctx).text_encoder
    plain = PromptEncode(prompt="a red fox").run(ctx, encoder)
    weighted = PromptEncode(prompt="a (red:1.5) fox").run(ctx, encoder)
    changed = (plain.tokens != weighted.tokens).any(dim=-1)[0]
    assert changed[:WINDOW].any()
    assert changed[WINDOW:].any()
    assert not changed.all()


def test_a_picture_larger_than_the_network_knows_is_refused(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    with pytest.raises(Invalid, match="side_too_long"):
        draw(ctx, empty(ctx, 64, 256))


def test_an_odd_number_of_cells_is_drawn_as_asked(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    assert draw(ctx, empty(ctx, 72, 40)).shape == (1, 16, 5, 9)


def test_without_a_negative_prompt_the_empty_one_guides(benches: dict[str, Bench]) -> None:
    ctx = benches["whole"].context()
    found = parts(ctx)
    words = PromptEncode(prompt=FOX).run(ctx, found.text_encoder)
    node = LatentSample(seed=3, steps=4, guidance_scale=5.0)
    alone = node.run(ctx, found.model, words, empty(ctx, SIDE, SIDE)).samples
    assert torch.equal(alone, draw(ctx, empty(ctx, SIDE, SIDE), guidance_scale=5.0))
