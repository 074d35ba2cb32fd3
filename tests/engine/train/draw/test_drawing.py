"""Pictures of what a run knows: with its own weights, by the way that every picture goes."""

import threading
from pathlib import Path

import pytest
import torch
from PIL import Image as Pillow

from core.engine.baton import Cancelled
from core.engine.context import Job
from core.engine.models import load
from core.engine.registry import built_in
from core.engine.train.draw.drawing import Drawing, Live, Wanted, Way
from core.errors import HeliographError
from tests.engine.bench import Bench
from tests.engine.tiny import SIZE, Tiny
from tests.engine.train.running import base

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

WAY = Way(SIZE, SIZE, steps=2, guidance=2.0, sampler="euler")
ONE = Wanted("a red fox", 3)


def drawing(bench: Bench, tiny: Tiny, live: Live | None = None, job: Job | None = None) -> Drawing:
    source = base(tiny.folder)
    return Drawing(bench.engine, built_in(), job or Job("T"), source, "training:t", live)


def staged(bench: Bench) -> list[str]:
    return sorted(file.name for file in Path(bench.engine.options.staging).iterdir())


def pixels(bench: Bench, path: str) -> bytes:
    with Pillow.open(Path(bench.engine.options.staging, path)) as picture:
        return picture.tobytes()


def network(tiny: Tiny) -> torch.nn.Module:
    """Give the denoiser as a run has it: trained, and with gradients."""
    return load.load(tiny.model, torch.float32).requires_grad_(True).train()


def test_without_anything_trained_it_draws_what_the_base_draws(bench: Bench, tiny: Tiny) -> None:
    (drawn,) = drawing(bench, tiny).draw([ONE], WAY)
    made = tiny.pipeline("StableDiffusionPipeline", "euler")(
        prompt=ONE.prompt, negative_prompt="", width=SIZE, height=SIZE, num_inference_steps=2,
        guidance_scale=2.0, generator=torch.Generator().manual_seed(3), output_type="np",
    ).images[0]  # fmt: skip
    theirs = bytes((made * 255).round().astype("uint8").tobytes())
    assert pixels(bench, drawn.saved.path) == theirs


def test_a_picture_is_a_sample_with_a_thumbnail_named_after_the_job(
    bench: Bench, tiny: Tiny
) -> None:
    ours = drawing(bench, tiny)
    first, second = ours.draw([ONE, Wanted("a fox", 4)], WAY)
    (third,) = ours.draw([ONE], WAY)
    saved = [one.saved for one in (first, second, third)]
    assert [one.index for one in saved] == [0, 1, 2]
    assert {one.kind for one in saved} == {"sample"}
    assert staged(bench) == sorted(name for one in saved for name in (one.path, one.thumbnail))
    assert all(name.startswith("T-") for name in staged(bench))
    assert pixels(bench, saved[0].path) == pixels(bench, saved[2].path)


def test_live_weights_are_drawn_with_as_they_are_at_that_moment(bench: Bench, tiny: Tiny) -> None:
    live = network(tiny)
    ours = drawing(bench, tiny, {"model": live})
    with ours.hosted():
        (same,) = ours.draw([ONE], WAY)
        with torch.no_grad():
            next(live.parameters()).mul_(1.5)
        (other,) = ours.draw([ONE], WAY)
    (plain,) = drawing(bench, tiny, job=Job("U")).draw([ONE], WAY)
    assert pixels(bench, same.saved.path) == pixels(bench, plain.saved.path)
    assert pixels(bench, other.saved.path) != pixels(bench, plain.saved.path)


def test_an_encoder_that_is_trained_reads_the_prompt(bench: Bench, tiny: Tiny) -> None:
    live = load.load(tiny.text_encoder, torch.float32)
    ours = drawing(bench, tiny, {"text_encoder": live})
    with ours.hosted():
        (same,) = ours.draw([ONE], WAY)
        with torch.no_grad():
            for one in live.parameters():
                one.mul_(1 + torch.rand(one.shape, generator=torch.Generator().manual_seed(0)))
        (other,) = ours.draw([ONE], WAY)
    assert pixels(bench, same.saved.path) != pixels(bench, other.saved.path)


def test_no_weight_is_copied_and_the_rest_is_the_bases_own(bench: Bench, tiny: Tiny) -> None:
    live = network(tiny)
    before = {name: one.data_ptr() for name, one in live.named_parameters()}
    ours = drawing(bench, tiny, {"model": live})
    with ours.hosted(own={"model": 1}):
        ours.draw([ONE], WAY)
        there = bench.engine.residency.identities()
        assert there == [base(tiny.folder).identity]
    assert {name: one.data_ptr() for name, one in live.named_parameters()} == before
    assert all(one.requires_grad and not one.is_inference() for one in live.parameters())
    assert live.training
    assert all(module.training for module in live.modules())


def test_a_step_after_a_picture_is_the_step_that_it_would_have_been(
    bench: Bench, tiny: Tiny
) -> None:
    def step(live: torch.nn.Module) -> torch.Tensor:
        sample = torch.ones(1, tiny.channels, 8, 8)
        words = tiny.words("a fox").tokens.detach()
        made = live(sample, torch.tensor([3.0]), encoder_hidden_states=words).sample
        made.square().mean().backward()
        grad = next(live.parameters()).grad
        assert grad is not None
        return grad

    apart, live = network(tiny), network(tiny)
    state = torch.random.get_rng_state()
    ours = drawing(bench, tiny, {"model": live})
    with ours.hosted():
        ours.draw([ONE], WAY)
        assert torch.equal(torch.random.get_rng_state(), state)
        assert torch.equal(step(live), step(apart))


def test_many_together_are_the_pictures_that_each_is_alone(bench: Bench, tiny: Tiny) -> None:
    ours = drawing(bench, tiny)
    wanted = [Wanted("a fox", seed) for seed in range(5)]
    alone = ours.pictures(wanted, WAY)
    together = ours.pictures(wanted, WAY._replace(exact=False))
    assert staged(bench) == []
    for one, other in zip(alone, together, strict=True):
        apart = torch.tensor(list(one.tobytes())) - torch.tensor(list(other.tobytes()))
        assert int(apart.abs().max()) <= 1


def test_a_canceled_job_leaves_nothing_in_staging(bench: Bench, tiny: Tiny) -> None:
    canceled = threading.Event()
    canceled.set()
    ours = drawing(bench, tiny, job=Job("T", canceled=canceled))
    with pytest.raises(Cancelled):
        ours.draw([ONE, ONE], WAY)
    assert staged(bench) == []


def test_what_cannot_be_drawn_says_why_and_leaves_nothing_in_staging(
    bench: Bench, tiny: Tiny
) -> None:
    ours = drawing(bench, tiny)
    with pytest.raises(HeliographError):
        ours.draw([ONE, ONE], WAY._replace(sampler="no such sampler"))
    with pytest.raises(HeliographError):
        ours.draw([ONE], WAY._replace(width=12))
    assert staged(bench) == []
