"""The nodes from a checkpoint to a picture, on the real services of an engine."""

import threading

import pytest
import torch

from core.engine.baton import Cancelled
from core.engine.diffusion.preview import LatentMaps
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.nodes.latent import LatentDecode, LatentEncode, LatentSample
from core.engine.values import Image, Latent
from core.errors import Invalid, ModelUnreadable
from core.graph.catalogue import Resource
from core.ipc.messages import JobProgressed, Previewed
from tests.engine.bench import Bench, empty, parts, prompt, sample
from tests.engine.tiny import SIZE, Tiny

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


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
