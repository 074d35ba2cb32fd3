"""Noise: the same for a seed wherever and beside whatever it is drawn."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.diffusion import noise, rows, samplers
from core.engine.diffusion.noise import Variation
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.nodes.latent import LatentEncode
from core.engine.values import Image, Latent
from tests.engine.bench import Bench, empty, parts, sample
from tests.engine.tiny import BASE, SIZE

SHAPE = (1, 4, 16, 16)
SEEDS = st.integers(0, 2**53 - 1)
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


def test_a_seed_gives_the_same_noise_alone_and_in_a_batch() -> None:
    alone = noise.draw((1, 4, 8, 8), noise.generator(12))
    batch = [noise.draw((1, 4, 8, 8), noise.generator(10, index)) for index in range(4)]
    assert torch.equal(alone, batch[2])
    assert (alone.dtype, alone.device.type) == (torch.float32, "cpu")


def test_the_largest_seed_counts_on_from_nothing() -> None:
    wrapped = noise.draw((2,), noise.generator(2**53 - 1, 1))
    assert torch.equal(wrapped, noise.draw((2,), noise.generator(0)))


def test_strength_decides_where_image_to_image_begins() -> None:
    first, second = (samplers.make(name, "default", BASE, 20) for name in ("euler", "heun"))
    assert rows.begin_index(20, 1.0, first) == (0, 20)
    assert rows.begin_index(20, 0.5, first) == (10, 10)
    assert rows.begin_index(20, 0.5, second) == (20, 10)
    assert rows.begin_index(20, 0.0, first) == (20, 0)
    assert rows.begin_index(3, 0.3, first) == (3, 0)


@given(seed=SEEDS, other=SEEDS, index=st.integers(0, 64))
def test_a_variation_of_strength_zero_is_the_seed_and_of_one_the_other(
    seed: int, other: int, index: int
) -> None:
    alone = noise.draw(SHAPE, noise.generator(seed, index))
    assert torch.equal(noise.begin(SHAPE, seed, index)[0], alone)
    assert torch.equal(noise.begin(SHAPE, seed, index, Variation(other, 0.0))[0], alone)
    turned, source = noise.begin(SHAPE, seed, index, Variation(other, 1.0))
    expected, following = noise.begin(SHAPE, other)
    assert torch.equal(turned, expected)
    assert torch.equal(noise.draw((3,), source), noise.draw((3,), following))


@given(seed=SEEDS, other=SEEDS, strength=st.floats(0, 1))
def test_noise_that_is_turned_stays_as_strong_and_goes_nearer_to_the_other(
    seed: int, other: int, strength: float
) -> None:
    one, last = (noise.begin(SHAPE, each)[0] for each in (seed, other))
    turned = noise.begin(SHAPE, seed, 0, Variation(other, strength))[0]
    assert torch.isfinite(turned).all()
    assert 0.9 < turned.std() < 1.1
    whole = (one - last).norm()
    assert (turned - one).norm() <= whole * 1.001
    assert (turned - last).norm() <= whole * 1.001


def test_the_distance_grows_with_the_strength() -> None:
    one = noise.begin(SHAPE, 1)[0]
    far = [(noise.begin(SHAPE, 1, 0, Variation(2, s / 10))[0] - one).norm() for s in range(11)]
    assert far == sorted(far)
    assert far[0] == 0


@pytest.mark.parametrize("sampler", ["euler", "euler_a"])
def test_pictures_vary_from_noise_and_from_a_picture(bench: Bench, sampler: str) -> None:
    ctx = bench.context()
    pixels = torch.rand((1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(4))
    picture = LatentEncode().run(ctx, parts(ctx).vae, Image(pixels=pixels))
    given: list[tuple[Latent, dict[str, Any]]] = [(empty(ctx), {}), (picture, {"strength": 0.75})]
    for start, more in given:
        settings = {"sampler": sampler, "steps": 4, **more}
        plain, other = (sample(ctx, start, seed=s, **settings).samples for s in (3, 9))

        def varied(strength: float, start: Latent = start, settings: Any = settings) -> Any:
            wanted = {"seed": 3, "variation_seed": 9, "variation_strength": strength}
            return sample(ctx, start, **wanted, **settings).samples

        assert torch.equal(varied(0.0), plain)
        assert torch.equal(varied(1.0), other)
        near, far = ((varied(strength) - plain).norm() for strength in (0.1, 0.6))
        assert 0 < near < far


def test_a_picture_of_a_batch_that_varies_can_be_made_again_alone(
    tiny: Any, loop: SamplingLoop
) -> None:
    varied = Variation(7, 0.4)
    (alone,) = loop.sample([tiny.row(seed=5, variation=varied)])
    drawn, _ = noise.begin(tiny.shape(), 3, 2, varied)
    assert torch.equal(drawn, noise.begin(tiny.shape(), 5, 0, varied)[0])
    assert torch.isfinite(alone).all()
