"""Noise: the same for a seed wherever and beside whatever it is drawn."""

import torch

from core.engine.diffusion import noise, rows


def test_a_seed_gives_the_same_noise_alone_and_in_a_batch() -> None:
    alone = noise.draw((1, 4, 8, 8), noise.generator(12))
    batch = [noise.draw((1, 4, 8, 8), noise.generator(10, index)) for index in range(4)]
    assert torch.equal(alone, batch[2])
    assert (alone.dtype, alone.device.type) == (torch.float32, "cpu")


def test_the_largest_seed_counts_on_from_nothing() -> None:
    wrapped = noise.draw((2,), noise.generator(2**53 - 1, 1))
    assert torch.equal(wrapped, noise.draw((2,), noise.generator(0)))


def test_strength_decides_where_image_to_image_begins() -> None:
    assert rows.begin_index(20, 1.0, 1) == (0, 20)
    assert rows.begin_index(20, 0.5, 1) == (10, 10)
    assert rows.begin_index(20, 0.5, 2) == (20, 10)
    assert rows.begin_index(20, 0.0, 1) == (20, 0)
    assert rows.begin_index(3, 0.3, 1) == (3, 0)
