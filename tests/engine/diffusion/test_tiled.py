"""Pictures denoised in tiles: one tile is the picture itself, many go together without seams."""

import gc
import warnings
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from core.engine.baton import Cancelled
from core.engine.diffusion import noise, rows, samplers, tiled
from core.engine.diffusion.control import Use
from core.engine.diffusion.prompted import stacked
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import load
from core.engine.nodes.latent import LatentEncode, LatentSample
from core.engine.nodes.region import PromptRegion
from core.engine.nodes.tiled import LatentResize, LatentSampleTiled
from core.engine.values import ControlNet, Image, Latent, Mask
from core.errors import Invalid
from core.ipc.reports import JobProgressed
from tests.engine.bench import Bench, empty, parts, prompt
from tests.engine.diffusion.test_loop import Widths
from tests.engine.tiny import SIZE, Tiny, write_controlnet

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.timeout(60),
]
CLOSE = 1e-5


def clean(bench: Bench, width: int, height: int, count: int = 1) -> Latent:
    source = torch.Generator().manual_seed(width)
    pixels = torch.rand((count, 3, height, width), generator=source)
    ctx = bench.context("encode")
    return LatentEncode().run(ctx, parts(ctx).vae, Image(pixels=pixels))


def drawn(bench: Bench, kind: type[LatentSample], latent: Latent, **settings: Any) -> torch.Tensor:
    ctx = bench.context(exact=settings.pop("exact", False))
    node = kind(**{"seed": 3, "steps": 4, "sampler": "euler", "strength": 0.5} | settings)
    model = parts(ctx).model
    return node.run(ctx, model, prompt(ctx, "a red fox"), latent, prompt(ctx, "")).samples


def test_one_tile_is_the_picture_to_the_bit(bench: Bench) -> None:
    latent = clean(bench, SIZE, SIZE)
    for sampler in ("euler", "euler_a", "dpmpp_2m", "heun"):
        plain = drawn(bench, LatentSample, latent, sampler=sampler)
        assert torch.equal(
            drawn(bench, LatentSampleTiled, latent, sampler=sampler, tile=64, overlap=16), plain
        )


def test_strength_nought_leaves_a_picture_as_it_is(bench: Bench) -> None:
    latent = clean(bench, 160, 96)
    same = drawn(bench, LatentSampleTiled, latent, strength=0.0, tile=64, overlap=16)
    assert torch.equal(same, latent.samples)


def test_tiles_blend_predictions_and_the_picture_takes_each_step_as_one(
    bench: Bench, tiny: Tiny
) -> None:
    """By hand: the network asked tile by tile, weighted, and one scheduler of the whole."""
    latent = clean(bench, 96, 64)  # cells: 24 × 16, tiles of 16 with 4 shared
    made = drawn(bench, LatentSampleTiled, latent, tile=64, overlap=16, steps=4, sampler="euler_a")
    row = tiny.row("a red fox")  # for its words
    scheduler = samplers.make("euler_a", "default", tiny.network.scheduler_config, 4)
    source = noise.generator(3)
    begin, _ = rows.begin_index(4, 0.5, scheduler)
    at = rows.from_picture(
        scheduler, latent.samples, noise.draw(tuple(latent.samples.shape), source), begin
    )
    rise = torch.minimum(torch.arange(16), 15 - torch.arange(16)).add(1).div(5).clamp(max=1)
    window = rise[:, None] * rise
    with torch.inference_mode():
        for step in scheduler.timesteps[begin:]:
            scaled = scheduler.scale_model_input(at, step)
            total, weights = torch.zeros_like(scaled), torch.zeros(16, 24)
            for left in (0, 8):
                part = scaled[..., left : left + 16]
                both = tiny.network(
                    torch.cat([part, part]), step,
                    encoder_hidden_states=stacked(row.followed.entries()).tokens,
                ).sample  # fmt: skip
                guided = both[:1] + 7.5 * (both[1:] - both[:1])
                total[..., left : left + 16] += guided * window
                weights[:, left : left + 16] += window
            at = scheduler.step(total / weights, step, at, generator=source).prev_sample
    assert (made - at).abs().max() <= CLOSE * at.abs().max()


def test_tiles_share_forwards_with_each_other_and_with_rows_of_their_size(
    tiny: Tiny, loop: SamplingLoop
) -> None:
    row = tiny.row(size=64, clean=torch.zeros(tiny.shape(64)), steps=2)
    plain = tiny.row(size=SIZE, steps=2)
    widths = Widths(tiny.network)
    with torch.inference_mode(), tiled.split([row], 8, 2) as cut:
        assert len(cut) == 9
        assert {one.group for one in cut} == {plain.group}
        loop.sample([*cut, plain])
        assert row.done
    assert max(widths.seen) > 2  # halves: more than one row


def test_what_was_cut_holds_no_memory_afterwards(tiny: Tiny, loop: SamplingLoop) -> None:
    row = tiny.row(size=64, clean=torch.zeros(tiny.shape(64)), steps=1)
    with torch.inference_mode(), tiled.split([row], 8, 2) as cut:
        loop.sample(cut)
    left = weakref.ref(cut[0].whole)
    gc.disable()  # circles would be kept until some later time
    try:
        del cut, row
        assert left() is None
    finally:
        gc.enable()


def test_a_tile_is_steered_by_its_part_of_a_controls_picture(
    tiny: Tiny, loop: SamplingLoop, tmp_path: Path
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_controlnet(tmp_path / "net", latents=tiny.channels)
    net = load.load(
        ControlNet(identity="n", path=str(tmp_path / "net"), family="sd1"), torch.float32
    )
    shown = torch.rand((1, 3, 64, 64))

    def row() -> rows.Row:
        return tiny.row(size=64, steps=2, controls=(Use(net, "n", shown),))

    with torch.inference_mode():
        with tiled.split([row()], 8, 2) as cut:
            assert torch.equal(cut[0].controls[0].picture, shown[..., :32, :32])
            assert torch.equal(cut[-1].controls[0].picture, shown[..., -32:, -32:])
            loop.sample(cut)
        plain, whole, free = row(), row(), tiny.row(size=64, steps=2)
        loop.sample([plain])
        loop.sample([free])
        with tiled.split([whole], 16, 0) as cut:
            loop.sample(cut)
    assert torch.equal(whole.latents, plain.latents)
    assert not torch.equal(plain.latents, free.latents)


def test_noise_does_not_depend_on_how_a_picture_is_cut(bench: Bench, tiny: Tiny) -> None:
    """A network that says nothing leaves the noise of the whole picture, however it is cut."""

    class Silent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(1))

        def forward(self, x: torch.Tensor, *_: Any, **__: Any) -> tuple[torch.Tensor]:
            return (torch.zeros_like(x[:, : tiny.channels]),)

    loop = SamplingLoop(bench.engine)

    def left(tile: int, overlap: int) -> torch.Tensor:
        row = tiny.row(size=64, steps=3, sampler="euler_a", network=Silent())
        with tiled.split([row], tile, overlap) as cut:
            loop.sample(cut)
        return row.latents

    assert torch.equal(left(16, 0), left(7, 3))


def test_a_batch_is_drawn_with_a_seed_a_picture_and_progress_is_of_the_picture(
    bench: Bench,
) -> None:
    both = clean(bench, 96, 64, 2)
    settings = {"tile": 64, "overlap": 16, "exact": True}
    made = drawn(bench, LatentSampleTiled, both, **settings)
    alone = drawn(bench, LatentSampleTiled, Latent(samples=both.samples[1:]), seed=4, **settings)
    assert torch.equal(made[1:], alone)
    told = [r for r in bench.reports() if isinstance(r, JobProgressed) and r.phase == "step"]
    assert (told[-1].step, told[-1].steps) == (2, 2)


def test_a_cancel_and_a_fault_end_every_tile(bench: Bench, tiny: Tiny) -> None:
    loop = SamplingLoop(bench.engine)
    calls: list[int] = []

    def check() -> None:
        calls.append(1)
        if len(calls) > 12:
            raise Cancelled("job")

    row = tiny.row(size=64, clean=torch.zeros(tiny.shape(64)), steps=50, check=check)
    with pytest.raises(Cancelled), tiled.split([row], 8, 2) as cut:
        loop.sample(cut)
    assert loop.count() == 0
    assert not row.done


def test_an_overlap_of_more_than_half_a_tile_is_refused(bench: Bench) -> None:
    with pytest.raises(Invalid, match="overlap_too_large"):
        drawn(bench, LatentSampleTiled, clean(bench, 64, 64), tile=64, overlap=33)


@pytest.mark.parametrize("resample", ["bilinear", "bicubic", "nearest"])
def test_latents_are_resized_with_their_mask(bench: Bench, resample: str) -> None:
    given = clean(bench, 40, 24)  # 10 × 6 cells
    node = LatentResize(factor=1.5, resample=resample)
    mask = (torch.rand((1, 1, 6, 10)) > 0.5).to(torch.float32)
    made = node.run(bench.context(), Latent(samples=given.samples, mask=mask))
    assert made.samples.shape[-2:] == (9, 15)
    assert made.mask is not None
    assert made.mask.shape == (1, 1, 9, 15)
    assert made.mask.min() >= 0
    same = LatentResize(factor=1, resample=resample).run(bench.context(), given)
    assert torch.equal(same.samples, given.samples)
    flat = Latent(samples=torch.full((1, 6, 5, 5), 0.25))
    assert (node.run(bench.context(), flat).samples - 0.25).abs().max() < CLOSE
    with pytest.raises(Invalid, match="side_too_long"):
        LatentResize(factor=8).run(bench.context(), Latent(samples=torch.zeros(1, 1, 1, 600)))
    assert node.run(bench.context(), empty(bench.context())).empty


def test_each_tile_follows_its_part_of_a_region(bench: Bench) -> None:
    latent = clean(bench, 96, 64)
    left = torch.zeros(1, 1, 64, 96)
    left[..., :48] = 1

    def follow(*some: tuple[str, torch.Tensor]) -> torch.Tensor:
        ctx = bench.context()
        words = prompt(ctx, "a red fox")
        for text, mask in some:
            words = PromptRegion().run(ctx, words, prompt(ctx, text), Mask(values=mask))
        node = LatentSampleTiled(seed=3, steps=2, sampler="euler", strength=0.5, tile=32, overlap=0)
        return node.run(ctx, parts(ctx).model, words, latent, prompt(ctx, "")).samples

    plain, half = follow(), follow(("an owl", left))
    whole = follow(("an owl", torch.ones_like(left)))
    middle = plain.shape[-1] // 2
    assert torch.allclose(half[..., :middle], whole[..., :middle], atol=CLOSE)
    assert torch.allclose(half[..., middle:], plain[..., middle:], atol=CLOSE)
    assert not torch.allclose(whole, plain, atol=0.01)


def test_each_tile_is_steered_by_its_part_of_the_picture(
    tiny: Tiny, loop: SamplingLoop, tmp_path: Path
) -> None:
    """By another cut: what lies under one tile is the picture of a row of that size."""
    write_controlnet(tmp_path / "net", latents=tiny.channels)
    handle = ControlNet(identity="net", path=str(tmp_path / "net"), family="sd1")
    net = load.load(handle, torch.float32)
    size = 2 * SIZE
    shown = torch.rand((1, 3, SIZE, size), generator=torch.Generator().manual_seed(5))
    start = torch.randn((1, tiny.channels, SIZE // 4, size // 4))

    def row(picture: torch.Tensor, latents: torch.Tensor) -> rows.Row:
        made = tiny.row("a red fox", steps=2, controls=[Use(net, "net", picture)])
        made.latents = latents
        made.kind = (made.kind[0], tuple(latents.shape), *made.kind[2:])
        return made

    whole = row(shown, start.clone())
    with tiled.split([whole], SIZE // 4, 0) as tiles:
        loop.sample(tiles)
        assert len(tiles) == 2
    for half in range(2):
        at = slice(half * SIZE // 4, (half + 1) * SIZE // 4)
        seen = shown[..., half * SIZE : (half + 1) * SIZE]
        (alone,) = loop.sample([row(seen, start[..., at].clone())])
        assert torch.allclose(whole.latents[..., at], alone, atol=1e-4)


def test_tiles_that_would_go_on_at_their_own_other_side_are_refused(bench: Bench) -> None:
    with pytest.raises(Invalid, match="fields_conflict"):
        drawn(bench, LatentSampleTiled, clean(bench, 96, 64), tile=64, overlap=16, seamless="x")
