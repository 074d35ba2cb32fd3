"""Previews: linear maps of latents to pixels."""

import torch

from core.engine.diffusion import preview


def plain(rows: list[tuple[float, ...]]) -> preview.LatentMap:
    """Make a map of one pixel a latent pixel, of 8 in the finished picture."""
    weight = torch.tensor(rows).T[:, :, None, None]
    return preview.LatentMap(weight, torch.zeros(3), 1, 8)


def test_a_map_of_few_pixels_is_enlarged_to_the_picture() -> None:
    table = plain([(1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 0.0, 0.0)])
    latents = torch.full((1, 4, 4, 8), -1.0)
    latents[:, 0] = 1.0
    drawn = preview.draw(latents, table, 256)
    assert drawn.shape == (32, 64, 3)
    assert drawn.dtype == torch.uint8
    assert drawn[0, 0].tolist() == [255, 0, 0]


def test_a_preview_is_not_enlarged_beyond_the_size_asked_for() -> None:
    table = plain([(1.0, 1.0, 1.0)] * 4)
    assert preview.draw(torch.zeros((1, 4, 64, 32)), table, 256).shape == (256, 128, 3)


def test_latents_gone_wrong_are_black_and_not_an_error() -> None:
    table = plain([(1.0, 1.0, 1.0)] * 4)
    assert preview.draw(torch.full((1, 4, 2, 2), float("nan")), table, 64).shape == (16, 16, 3)


def test_a_fit_recovers_a_linear_autoencoder() -> None:
    pictures = preview.practice(4, count=16)
    flat = torch.nn.functional.pixel_unshuffle(pictures * 2 - 1, 4)  # 48 channels hold it all
    table = preview.fit(flat, pictures)
    drawn = preview.draw(flat[:1], table, 64).permute(2, 0, 1) / 255
    assert (drawn - pictures[0]).abs().mean() < 0.03


def test_practice_pictures_are_always_the_same_and_in_range() -> None:
    one, two = preview.practice(8), preview.practice(8)
    assert torch.equal(one, two)
    assert one.shape == (8, 3, 64, 64)
    assert (one.min() >= 0) & (one.max() <= 1)


def test_a_map_is_made_once_and_old_ones_make_room() -> None:
    made: list[int] = []
    maps = preview.LatentMaps()

    def make() -> preview.LatentMap:
        made.append(1)
        return plain([(1.0, 1.0, 1.0)])

    assert maps.of("a", make) is maps.of("a", make)
    assert len(made) == 1
    for index in range(40):
        maps.of(str(index), make)
    maps.of("a", make)
    assert len(made) == 42
