"""The nodes from a checkpoint to a picture, on the real services of an engine."""

import threading
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.baton import Cancelled
from core.engine.context import Context
from core.engine.diffusion.preview import LatentMaps
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.nodes.inpaint import InpaintEncode
from core.engine.nodes.latent import LatentDecode, LatentEncode, LatentSample
from core.engine.values import Image, Latent, Mask
from core.errors import Invalid, ModelUnreadable
from core.graph.catalogue import Resource
from core.ipc.reports import JobProgressed, Previewed
from tests.engine.bench import Bench, empty, parts, prompt, sample
from tests.engine.diffusion.test_parity import posterior_mode
from tests.engine.tiny import SIZE, Tiny, write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


def test_text_to_image_is_the_picture_of_the_pipeline(bench: Bench, tiny: Tiny) -> None:
    ctx = bench.context()
    image = LatentDecode().run(ctx, parts(ctx).vae, sample(ctx, empty(ctx)))
    expected = tiny.pipeline("StableDiffusionPipeline", "euler")(
        prompt="a red fox", negative_prompt="", num_inference_steps=4, guidance_scale=7.5,
        generator=torch.Generator().manual_seed(3), width=SIZE, height=SIZE, output_type="pt",
    ).images  # fmt: skip
    assert torch.equal(image.pixels, expected)


def test_naming_a_model_reads_nothing(bench: Bench) -> None:
    found = parts(bench.context())
    assert [part.part for part in found] == ["model", "text_encoder", "vae"]
    assert bench.engine.residency.identities() == []


def test_a_model_of_no_known_family_is_refused_at_once(bench: Bench, tiny: Tiny) -> None:
    ctx = bench.context()
    ctx.job.resources["m"] = Resource(id="m", kind="checkpoint", path="/x", identity="x")
    with pytest.raises(ModelUnreadable, match="family_unsupported"):
        parts(ctx)


def test_without_a_negative_prompt_the_empty_one_guides(bench: Bench) -> None:
    ctx = bench.context()
    node = LatentSample(seed=3, steps=2, sampler="euler")
    given = (parts(ctx).model, prompt(ctx, "a red fox"), empty(ctx))
    assert torch.equal(
        node.run(ctx, *given).samples, node.run(ctx, *given, prompt(ctx, "")).samples
    )


def test_a_batch_counts_its_seed_on(bench: Bench) -> None:
    ctx = bench.context(exact=True)
    pair = Latent(samples=empty(ctx).samples.repeat(2, 1, 1, 1), empty=True)
    both = sample(ctx, pair, seed=3).samples
    assert torch.equal(both[:1], sample(ctx, empty(ctx), seed=3).samples)
    assert torch.equal(both[1:], sample(ctx, empty(ctx), seed=4).samples)


def test_strength_nought_leaves_a_picture_as_it_is_and_one_changes_it(bench: Bench) -> None:
    ctx = bench.context()
    picture = Image(pixels=torch.rand((1, 3, SIZE, SIZE)))
    clean = LatentEncode().run(ctx, parts(ctx).vae, picture)
    assert not clean.empty
    assert torch.equal(sample(ctx, clean, strength=0.0).samples, clean.samples)
    assert not torch.equal(sample(ctx, clean, strength=0.5).samples, clean.samples)


def test_sizes_and_latents_that_do_not_fit_are_refused(bench: Bench) -> None:
    ctx = bench.context()
    with pytest.raises(Invalid, match="latent_mismatch"):
        sample(ctx, Latent(samples=torch.zeros((1, 4, 8, 8)), empty=True))
    assert empty(ctx, 64, 32).samples.shape == (1, 6, 8, 16)


def test_progress_and_a_first_preview_come_with_the_first_step(bench: Bench) -> None:
    ctx = bench.context()
    first = threading.Event()
    latent = empty(ctx)
    sample(ctx, latent, steps=3)
    first.set()
    told = bench.reports()
    last = [r for r in told if isinstance(r, JobProgressed) and r.phase == "step"][-1]
    assert (last.step, last.steps) == (3, 3)
    previews = [r for r in told if isinstance(r, Previewed)]
    assert previews
    assert (previews[0].width, previews[0].height) == (SIZE, SIZE)
    assert previews[0].data[:2] == b"\xff\xd8"


def test_nobody_watching_means_no_preview(bench: Bench) -> None:
    bench.outbox.watch([])
    ctx = bench.context()
    sample(ctx, empty(ctx))
    assert not [r for r in bench.reports() if isinstance(r, Previewed)]


def test_a_canceled_job_leaves_the_loop(bench: Bench) -> None:
    ctx = bench.context()
    latent = empty(ctx)
    model, words = parts(ctx).model, prompt(ctx, "x")
    ctx.job.canceled.set()
    with pytest.raises(Cancelled):
        LatentSample(steps=50).run(ctx, model, words, latent, words)
    assert bench.engine.get(SamplingLoop).count() == 0


def test_two_jobs_share_forwards_and_the_loop(bench: Bench) -> None:
    alone = [sample(bench.context(), empty(bench.context()), seed=seed).samples for seed in (1, 2)]
    results: dict[int, torch.Tensor] = {}

    def work(seed: int) -> None:
        with torch.inference_mode():
            ctx = bench.context(f"job{seed}")
            results[seed] = sample(ctx, empty(ctx), seed=seed).samples

    threads = [threading.Thread(target=work, args=(seed,)) for seed in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(15)
    for seed, expected in zip((1, 2), alone, strict=True):
        assert (results[seed] - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_the_map_for_previews_is_fitted_once(bench: Bench) -> None:
    ctx = bench.context()
    sample(ctx, empty(ctx), steps=1)
    made = bench.engine.get(LatentMaps).of("tiny", lambda: pytest.fail("made twice"))
    assert made.weight.shape == (3 * 4 * 4, 6, 3, 3)


def inpainted(
    ctx: Context, mask: torch.Tensor, pixels: torch.Tensor, **settings: Any
) -> torch.Tensor:
    found = parts(ctx)
    start = InpaintEncode().run(
        ctx, found.model, found.vae, Image(pixels=pixels), Mask(values=mask)
    )
    return LatentDecode().run(ctx, found.vae, sample(ctx, start, **settings)).pixels


def halves(size: int = SIZE) -> torch.Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[..., : size // 2] = 1
    return mask


def test_the_masked_half_is_painted_and_the_other_kept(bench: Bench) -> None:
    ctx, found = bench.context(), parts(bench.context())
    image = Image(pixels=torch.rand(2, 3, SIZE, SIZE))
    start = InpaintEncode().run(ctx, found.model, found.vae, image, Mask(values=halves()))
    assert start.mask is not None
    for settings in ({}, {"strength": 0.5}, {"sampler": "heun"}, {"sampler": "dpm2"}):
        drawn = sample(ctx, start, **settings).samples
        assert torch.equal(drawn[..., 4:], start.samples[..., 4:])
        assert not torch.equal(drawn[..., :4], start.samples[..., :4])
    assert torch.equal(sample(ctx, start, strength=0).samples, start.samples)


def test_a_mask_that_is_white_everywhere_draws_from_noise_alone(bench: Bench) -> None:
    pixels, white = torch.rand(1, 3, SIZE, SIZE), torch.ones(1, 1, SIZE, SIZE)
    ctx = bench.context()
    expected = LatentDecode().run(ctx, parts(ctx).vae, sample(ctx, empty(ctx))).pixels
    assert torch.equal(inpainted(ctx, white, pixels), expected)


def test_sides_are_cut_with_their_mask_and_a_mask_of_another_size_is_refused(bench: Bench) -> None:
    pixels = torch.rand(1, 3, SIZE + 3, SIZE + 2)
    mask = torch.zeros(1, 1, SIZE + 3, SIZE + 2)
    mask[..., :16] = 1
    assert inpainted(bench.context(), mask, pixels, steps=1).shape == (1, 3, SIZE, SIZE)
    with pytest.raises(Invalid, match="mask_size"):
        inpainted(bench.context(), halves(), pixels)
    with pytest.raises(Invalid, match="mask_count"):
        inpainted(bench.context(), halves().repeat(2, 1, 1, 1), pixels[..., :SIZE, :SIZE])


def test_a_model_made_for_inpainting_gets_mask_and_covered_picture(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(tmp_path / "nine", latents=4, inputs=9)
    nine = Tiny(tmp_path / "nine")
    made = Bench(nine, tmp_path)
    levels = torch.randint(0, 256, (1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(1))
    pixels, mask = levels / 255, halves()
    with torch.inference_mode():
        ours = inpainted(made.context(), mask, pixels)
        pipeline = nine.pipeline("StableDiffusionInpaintPipeline", "euler")
        with posterior_mode(nine.autoencoder):
            expected = pipeline(
                prompt="a red fox", negative_prompt="", num_inference_steps=4, strength=1.0,
                image=pixels, mask_image=mask, width=SIZE, height=SIZE, output_type="pt",
                generator=torch.Generator().manual_seed(3),
            ).images  # fmt: skip
        assert (ours - expected).abs().max() <= 1 / 255
        with pytest.raises(Invalid, match="mask_needed"):
            sample(made.context(), empty(made.context()))
    made.outbox.close()
