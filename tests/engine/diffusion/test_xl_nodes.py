"""Stable Diffusion XL through the nodes: both encoders read what people write in a prompt."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.nodes.latent import LatentDecode, LatentSample
from core.engine.nodes.prompt import PromptEncode, PromptSizes
from core.engine.nodes.region import PromptRegion
from core.engine.nodes.tiled import LatentResize, LatentSampleTiled
from core.engine.values import Conditioning, Mask
from core.errors import Invalid
from core.graph.catalogue import Resource
from core.ipc.reports import JobDone
from tests.engine import tiny_xl
from tests.engine.bench import Bench, empty, parts, prompt
from tests.engine.diffusion.test_engine_pictures import graph
from tests.engine.diffusion.test_xl_parity import close, theirs
from tests.engine.tiny import Tiny
from tests.engine.tiny_xl import FIRST, SECOND, TinyXl

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
LONG = "a red fox on a blue background, " * 4
NODE = {"seed": 3, "steps": 4, "sampler": "euler", "guidance_scale": 5.0}


def encode(bench: Bench, words: str, **settings: Any) -> Conditioning:
    ctx = bench.context()
    return PromptEncode(prompt=words, **settings).run(ctx, parts(ctx).text_encoder)


def sampled(bench: Bench, positive: Conditioning, negative: Conditioning | None) -> torch.Tensor:
    ctx = bench.context()
    node = LatentSample(**NODE)
    return node.run(ctx, parts(ctx).model, positive, empty(ctx), negative).samples


@pytest.mark.parametrize("clip_skip", [0, 1])
def test_a_prompt_is_encoded_as_diffusers_would(
    bench_xl: Bench, xl: TinyXl, clip_skip: int
) -> None:
    made = encode(bench_xl, "a red fox", clip_skip=clip_skip)
    tokens, _, pooled, _ = xl.pipeline("StableDiffusionXLPipeline", "euler").encode_prompt(
        "a red fox", device="cpu", do_classifier_free_guidance=False,
        clip_skip=clip_skip or None,
    )  # fmt: skip
    assert torch.equal(made.tokens, tokens)
    assert made.pooled is not None
    assert torch.equal(made.pooled, pooled)
    assert (made.later, made.empty, made.remarks()) == ((), None, ())


@pytest.mark.parametrize("negative", [None, "rain"])
def test_a_picture_is_that_of_the_pipeline_with_and_without_a_negative_prompt(
    bench_xl: Bench, xl: TinyXl, negative: str | None
) -> None:
    words = None if negative is None else encode(bench_xl, negative, negative=True)
    ours = sampled(bench_xl, encode(bench_xl, "a red fox"), words)
    assert torch.equal(ours, theirs(xl, negative_prompt=negative))
    ctx = bench_xl.context()
    decoded = LatentDecode().run(ctx, parts(ctx).vae, empty(ctx))
    assert decoded.pixels.shape == (1, 3, 32, 32)


@pytest.mark.slow
def test_an_absent_negative_prompt_is_nothing_at_all_where_the_model_was_made_so(
    bench_xl: Bench, tmp_path: Path
) -> None:
    absent, empty_text = (encode(bench_xl, "", negative=one) for one in (True, False))
    assert not absent.tokens.any()
    assert absent.pooled is not None
    assert not absent.pooled.any()
    assert empty_text.tokens.any()
    assert encode(bench_xl, "rain", negative=True).tokens.any()
    for zeroed, nothing in ((False, False), (None, True)):
        folder = tmp_path / str(zeroed)
        tiny_xl.write_model(folder, zeroed=zeroed)
        bench = Bench(TinyXl(folder), tmp_path)
        assert bool(encode(bench, "", negative=True).tokens.any()) is not nothing
        bench.outbox.close()


def test_a_family_that_knows_no_zeros_reads_the_empty_text(bench: Bench) -> None:
    assert torch.equal(encode(bench, "", negative=True).tokens, encode(bench, "").tokens)


def test_long_weighted_and_blended_prompts_are_read_by_both_encoders(
    bench_xl: Bench, xl: TinyXl
) -> None:
    long = encode(bench_xl, LONG)
    windows = long.tokens.shape[1] // 16
    assert windows > 1
    assert long.tokens.shape[2] == FIRST + SECOND
    first = xl.words(LONG)  # cut to its first window
    assert torch.equal(long.tokens[:, :16], first.tokens)
    assert long.pooled is not None
    assert first.pooled is not None
    assert torch.equal(long.pooled, first.pooled)
    assert torch.equal(encode(bench_xl, "a red BREAK fox").tokens[:, 16:], xl.words("fox").tokens)

    red, owl, none = (xl.words(one) for one in ("red", "owl", ""))
    blend = encode(bench_xl, '("red", "owl").blend(0.75, 0.25)')
    assert torch.allclose(blend.tokens, 0.75 * red.tokens + 0.25 * owl.tokens, atol=1e-6)
    assert blend.pooled is not None
    assert red.pooled is not None
    assert owl.pooled is not None
    assert torch.allclose(blend.pooled, 0.75 * red.pooled + 0.25 * owl.pooled, atol=1e-6)
    weighted = encode(bench_xl, "(red:1.5)")
    assert weighted.pooled is not None
    assert torch.equal(weighted.pooled, red.pooled)
    moved = none.tokens + 1.5 * (red.tokens - none.tokens)
    assert torch.allclose(weighted.tokens[:, 1:4], moved[:, 1:4], atol=1e-5)
    assert torch.equal(weighted.tokens[:, 0], red.tokens[:, 0])


def test_a_long_prompt_meets_an_absent_one(bench_xl: Bench) -> None:
    long, nothing = encode(bench_xl, LONG), encode(bench_xl, "", negative=True)
    made = sampled(bench_xl, long, nothing)
    assert torch.isfinite(made).all()
    assert torch.equal(made, sampled(bench_xl, long, None))


def test_schedules_change_the_pooled_prompt_as_well(bench_xl: Bench) -> None:
    rain = encode(bench_xl, "rain")

    def drawn(words: str) -> torch.Tensor:
        return sampled(bench_xl, encode(bench_xl, words), rain)

    assert torch.equal(drawn("a [fox:owl:0]"), drawn("a owl"))
    assert torch.equal(drawn("a [fox:owl:4]"), drawn("a fox"))
    staged = encode(bench_xl, "a [fox:owl:0.5]")
    (later,) = staged.later
    owl = encode(bench_xl, "a owl")
    assert later.pooled is not None
    assert owl.pooled is not None
    assert torch.equal(later.pooled, owl.pooled)
    between = drawn("a [fox:owl:0.5]")
    assert not close(between, drawn("a fox"))
    assert not close(between, drawn("a owl"))


def test_a_region_follows_its_own_prompt(bench_xl: Bench) -> None:
    ctx, rain = bench_xl.context(), encode(bench_xl, "rain")
    fox, owl = encode(bench_xl, "a fox"), encode(bench_xl, "a owl")
    everywhere = PromptRegion().run(ctx, fox, owl, Mask(values=torch.ones(1, 1, 32, 32)))
    assert close(sampled(bench_xl, everywhere, rain), sampled(bench_xl, owl, rain))
    nowhere = PromptRegion().run(ctx, fox, owl, Mask(values=torch.zeros(1, 1, 32, 32)))
    assert close(sampled(bench_xl, nowhere, rain), sampled(bench_xl, fox, rain))


def test_a_second_pass_and_tiles_draw_on_from_the_first(bench_xl: Bench) -> None:
    ctx = bench_xl.context()
    words = prompt(ctx, "a red fox"), encode(bench_xl, "", negative=True)
    model = parts(ctx).model
    first = LatentSample(**NODE).run(ctx, model, words[0], empty(ctx), words[1])
    large = LatentResize(factor=2.0).run(ctx, first)
    again = {**NODE, "strength": 0.5}
    second = LatentSample(**again).run(ctx, model, words[0], large, words[1])
    cut = LatentSampleTiled(**again, tile=64, overlap=8)
    tiled = cut.run(ctx, model, words[0], large, words[1])
    assert second.samples.shape == tiled.samples.shape == (1, 4, 16, 16)
    assert close(second.samples, tiled.samples)  # one tile is the picture itself
    larger = LatentResize(factor=2.0).run(ctx, second)
    made = cut.run(ctx, model, words[0], larger, words[1]).samples
    assert torch.isfinite(made).all()


def test_other_sizes_are_told_as_the_pipeline_tells_them(bench_xl: Bench, xl: TinyXl) -> None:
    ctx, rain = bench_xl.context(), encode(bench_xl, "rain")
    told = PromptSizes(original_width=512, original_height=256, crop_left=8, crop_top=4)
    fox = told.run(ctx, encode(bench_xl, "a red fox"))
    less = PromptSizes(original_width=16, original_height=16, target_width=8, target_height=8)
    expected = theirs(
        xl, negative_prompt="rain", original_size=(256, 512), crops_coords_top_left=(4, 8),
        negative_original_size=(16, 16), negative_target_size=(8, 8),
    )  # fmt: skip
    ours = sampled(bench_xl, fox, less.run(ctx, rain))
    assert torch.equal(ours, expected)
    assert not close(ours, sampled(bench_xl, fox, rain))
    owl, everywhere = encode(bench_xl, "a owl"), Mask(values=torch.ones(1, 1, 32, 32))
    regional = PromptRegion().run(ctx, fox, owl, everywhere)
    assert close(sampled(bench_xl, regional, rain), sampled(bench_xl, told.run(ctx, owl), rain))


def test_a_prompt_of_another_family_is_refused(bench_xl: Bench, bench: Bench) -> None:
    narrow = encode(bench, "a fox")
    ctx = bench_xl.context()
    with pytest.raises(Invalid, match="prompt_mismatch"):
        LatentSample(**NODE).run(ctx, parts(ctx).model, narrow, empty(ctx))
    unpooled = Conditioning(tokens=encode(bench_xl, "a fox").tokens)
    with pytest.raises(Invalid, match="prompt_mismatch"):
        LatentSample(**NODE).run(ctx, parts(ctx).model, unpooled, empty(ctx))


def test_steps_are_aligned_as_the_family_is(bench_xl: Bench, bench: Bench) -> None:
    ctx = bench_xl.context()
    aligned = LatentSample(**NODE, schedule="ays")
    words = encode(bench_xl, "a fox")
    made = aligned.run(ctx, parts(ctx).model, words, empty(ctx)).samples
    plain = sampled(bench_xl, words, None)
    assert torch.isfinite(made).all()
    assert not close(made, plain)


@pytest.mark.slow
def test_a_real_engine_draws_it_beside_another_family(
    start: Any, options: Any, xl: TinyXl, tiny: Tiny
) -> None:
    def resources(folder: Path, family: str) -> dict[str, Resource]:
        return {
            "m": Resource(
                id="m", kind="checkpoint", path=str(folder), identity=family, family=family,
                name=family, format="diffusers",
            )
        }  # fmt: skip

    engine = start()
    large, small = resources(xl.folder, "sdxl"), resources(tiny.folder, "sd1")
    done = engine.run("one", graph(), JobDone, resources=large)
    assert (done.images[0].width, done.images[0].height) == (32, 32)
    other = engine.run("two", graph(), JobDone, resources=small)
    again = engine.run("three", graph(), JobDone, resources=large)
    assert again.images[0].sha256 == done.images[0].sha256 != other.images[0].sha256
