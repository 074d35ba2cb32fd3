"""The shape of the model and of its training, for each picture size.

Everything that differs between sizes is a row of `RECIPES`. Does not know how a step is done.
"""

from dataclasses import dataclass

FACTOR = 8  # pixels a latent cell stands for, each way


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One size's settings."""

    vae_levels: tuple[int, ...] = (24, 48, 96, 128)  # channels; the factor is 2 ** (levels - 1)
    edition: int = 2  # of the subjects
    latent_channels: int
    sprite: int = 128  # pixels: the side that sprites are kept at
    crop: int = 32  # pixels: the side of what the VAE is shown
    crops: int = 12  # in a step of the VAE
    whole_from: float = 0.8  # part of the VAE's steps after which it is shown whole pictures
    vae_rate: float = 1e-3
    vae_part: float = 0.35  # of all the minutes
    pool: int = 12288  # pictures the crops are cut from
    unet_levels: tuple[int, ...]  # channels
    attends: tuple[bool, ...]  # does that level attend to the text
    groups: int = 16  # of the UNet's norms
    text_width: int = 256
    vocabulary: int = 2048  # tokens
    batch: int = 48  # latents in a step of the UNet
    rate: float = 8e-4
    scenes: int = 49152  # pictures the UNet learns from
    phrasings: int = 4  # captions of each


RECIPES: dict[int, Recipe] = {
    16: Recipe(  # for tests
        vae_levels=(8, 8, 8, 8),
        latent_channels=16,
        crops=4,
        pool=32,
        unet_levels=(8, 16),
        attends=(True, True),
        groups=4,
        text_width=16,
        batch=4,
        scenes=64,
        phrasings=2,
    ),
    64: Recipe(latent_channels=16, unet_levels=(144, 144), attends=(True, True)),
    128: Recipe(
        latent_channels=16, unet_levels=(96, 160), attends=(False, True), crop=48, vocabulary=3072
    ),
    256: Recipe(  # wants a GPU
        edition=3,
        latent_channels=8,
        sprite=256,
        crop=64,
        crops=256,
        whole_from=0.7,
        vae_rate=1.5e-3,
        vae_part=0.2,
        pool=16384,
        unet_levels=(64, 96, 184),
        attends=(False, True, True),
        groups=8,
        vocabulary=3072,
        batch=512,
        rate=1e-3,
        scenes=131072,
        phrasings=2,
    ),
}
