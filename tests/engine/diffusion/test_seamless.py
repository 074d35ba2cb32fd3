"""Seamless pictures go on at their other side, and nobody else's convolutions are touched."""

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional

from core.engine.diffusion.sampler import SamplingLoop
from core.engine.diffusion.seamless import Seamless, wrapped
from core.engine.models import vae
from core.engine.nodes.latent import LatentDecode
from core.engine.values import Latent
from core.paths import shipped
from tests.engine.bench import Bench, empty, parts, sample
from tests.engine.diffusion.test_loop import Widths, same
from tests.engine.tiny import Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
SIDES: list[tuple[Seamless, int | None, int | None]] = [  # how far the sides may be rolled
    ("x", None, 4), ("y", 4, None), ("both", 4, 4),
]  # fmt: skip


def latents(tiny: Any, size: int = 64) -> torch.Tensor:
    return torch.randn(tiny.shape(size), generator=torch.Generator().manual_seed(0))


def rolled(tensor: torch.Tensor, down: int | None, across: int | None, scale: int = 1) -> Any:
    return tensor.roll(((down or 0) * scale, (across or 0) * scale), dims=(-2, -1))


@pytest.mark.parametrize("padding", [0, 1, (2, 1), "same"])
@pytest.mark.parametrize("seamless", ["x", "y", "both"])
def test_a_convolution_is_that_of_the_padded_picture(seamless: Seamless, padding: Any) -> None:
    layer = nn.Conv2d(3, 5, 3, padding=padding)
    picture = torch.randn(2, 3, 8, 10)
    with wrapped(seamless):
        ours = layer(picture)
    down, across = (0, 0) if padding == "same" else layer.padding
    wide = (across, across) if seamless in ("x", "both") else (0, 0)
    high = (down, down) if seamless in ("y", "both") else (0, 0)
    rest = (down - high[0], across - wide[0])
    padded = functional.pad(picture, (*wide, *high), mode="circular")
    if padding == "same":
        assert torch.equal(ours, layer(picture))
    else:
        assert torch.equal(ours, functional.conv2d(padded, layer.weight, layer.bias, 1, rest))


@pytest.mark.parametrize(("seamless", "down", "across"), SIDES)
def test_what_is_rolled_is_predicted_and_decoded_rolled(
    tiny: Any, seamless: Seamless, down: int | None, across: int | None
) -> None:
    start, words = latents(tiny), torch.randn(1, 16, 24)
    with torch.inference_mode(), wrapped(seamless):
        one, other = (
            tiny.network(each, torch.tensor(500), encoder_hidden_states=words)[0]
            for each in (start, rolled(start, down, across))
        )
        assert torch.allclose(rolled(one, down, across), other, atol=1e-4)
    with torch.inference_mode():
        shown, moved = (
            vae.decode(tiny.autoencoder, each, seamless)
            for each in (start, rolled(start, down, across))
        )
        plain = vae.decode(tiny.autoencoder, rolled(start, down, across))
    assert torch.allclose(rolled(shown, down, across, tiny.factor), moved, atol=1e-4)
    assert not torch.allclose(moved, plain, atol=1e-3)


def test_rows_of_another_tiling_take_turns_and_keep_their_bits(
    tiny: Any, loop: SamplingLoop
) -> None:
    expected = [
        loop.sample([tiny.row(seed=seed, steps=3, seamless=kind, exact=True)])[0]
        for seed, kind in ((1, "off"), (2, "x"), (3, "both"))
    ]
    seen = Widths(tiny.network)
    ours = loop.sample(
        [
            tiny.row(seed=1, steps=3), tiny.row(seed=2, steps=3, seamless="x"),
            tiny.row(seed=3, steps=3, seamless="both"),
        ]
    )  # fmt: skip
    seen.stop()
    assert seen.seen == [2] * 9
    assert all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))
    assert not same(ours[1], loop.sample([tiny.row(seed=2, steps=3)])[0])


def test_rows_of_the_same_tiling_share_a_forward(tiny: Any, loop: SamplingLoop) -> None:
    alone = loop.sample([tiny.row(seed=2, steps=2, seamless="x")])[0]
    seen = Widths(tiny.network)
    ours = loop.sample([tiny.row(seed=seed, steps=2, seamless="x") for seed in (1, 2)])
    seen.stop()
    assert 4 in seen.seen
    assert same(ours[1], alone)


def test_a_forward_that_fails_leaves_the_thread_as_it_was(tiny: Any) -> None:
    layer, picture = nn.Conv2d(1, 1, 3, padding=1), torch.randn(1, 1, 8, 8)
    expected = layer(picture)
    with pytest.raises(RuntimeError), wrapped("both"):
        tiny.network(torch.zeros(1, 1, 8, 8), torch.tensor(5), torch.zeros(1, 16, 24))
    assert torch.equal(layer(picture), expected)


def seam(pixels: torch.Tensor) -> tuple[float, float]:
    """Compare the step across the seam at left and right with the steps inside."""
    steps = (pixels.roll(-1, dims=-1) - pixels).abs().mean(dim=(0, 1, 2))  # (B, 3, H, W) -> (W,)
    return float(steps[-1]), float(steps[:-1].mean())


def test_a_picture_in_tiles_goes_on_too(tiny: Any) -> None:
    start = latents(tiny, 128)
    with torch.inference_mode():
        whole = vae.decode(tiny.autoencoder, start, "x")
        with vae.tiled(tiny.autoencoder):
            tiles = vae.decode(tiny.autoencoder, start, "x")
            plain = vae.decode(tiny.autoencoder, start)
    assert tiles.shape == whole.shape
    edges = torch.tensor([0, 1, 2, -3, -2, -1])
    near, far = ((one - whole)[..., edges].abs().mean() for one in (tiles, plain))
    assert near < 0.7 * far


def test_the_nodes_take_the_setting(bench: Bench) -> None:
    ctx = bench.context()
    plain, wide = (sample(ctx, empty(ctx, 64, 64), seamless=kind) for kind in ("off", "both"))
    assert not torch.equal(plain.samples, wide.samples)
    drawn = [
        LatentDecode(seamless=kind).run(ctx, parts(ctx).vae, Latent(samples=wide.samples)).pixels
        for kind in ("off", "both")
    ]
    assert not torch.equal(*drawn)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_starter_draws_a_picture_without_a_seam(loop: SamplingLoop) -> None:
    starter = Tiny(shipped("starter"))
    call: dict[str, Any] = {"sampler": "default", "guidance_scale": 3.0, "steps": 8, "size": 64}
    with torch.inference_mode():
        rows = [starter.row("a leopard", seed=seed, seamless="x", **call) for seed in range(6)]
        shown = [vae.decode(starter.autoencoder, drawn, "x") for drawn in loop.sample(rows)]
    across, inside = (sum(values) for values in zip(*map(seam, shown), strict=True))
    assert across <= 1.5 * inside
