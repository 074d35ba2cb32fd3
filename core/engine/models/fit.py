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


def check_side(network: Any, size: tuple[int, int], cell: int) -> None:
    """Refuse pictures that are larger than a denoiser knows places for.

    :param size: height and width of what it sees at once, in pixels; ``cell``: pixels a cell.
    :raises Invalid: side_too_long.
    """
    known = getattr(network.config, "pos_embed_max_size", None)  # patches a side
    if known is None:
        return
    most = int(known) * int(network.config.patch_size) * cell
    if max(size) > most:
        raise Invalid("side_too_long", pixels=max(size), limit=most)
