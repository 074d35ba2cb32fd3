"""What a denoiser can be given: as many channels as it takes, no larger than it knows places for.

Reads configurations; runs nothing.
"""

from typing import Any

from core.engine.diffusion import inpaint
from core.engine.models.families import Family
from core.engine.values import Latent
from core.errors import Invalid


def check(family: Family, network: Any, latent: Latent) -> None:
    """Refuse latents that a denoiser does not take.

    :raises Invalid: mask_needed, latent_mismatch.
    """
    wanted, got = int(network.config.in_channels) // family.packed, latent.samples.shape[1]
    if latent.channels is not None:
        got += latent.channels.shape[1]
    elif inpaint.beside(wanted, got):
        raise Invalid("mask_needed")
    if wanted != got:
        raise Invalid("latent_mismatch", wanted=wanted, got=got)


def longest_side(network: Any) -> int | None:
    """Give the cells of a side that a denoiser knows places for; ``None`` where it knows any."""
    known = getattr(network.config, "pos_embed_max_size", None)  # patches
    return None if known is None else int(known) * int(network.config.patch_size)


def check_side(most: int, size: tuple[int, int]) -> None:
    """Refuse pictures that are larger than a denoiser knows places for.

    :param most: pixels of a side; ``size``: height and width of what it sees at once, in pixels.
    :raises Invalid: side_too_long.
    """
    if max(size) > most:
        raise Invalid("side_too_long", pixels=max(size), limit=most)
