"""What the tiers of speed are worth: a picture of the starter in each, turn by turn with plain."""

import torch

from core.engine import speed
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import vae
from core.engine.residency import size_of
from core.engine.speed import Speed
from core.paths import shipped
from tests.bench.report import Row, median_ratio
from tests.bench.rows import pairs
from tests.engine.tiny import Tiny, floor

_SIZES = (64, 256)  # pixels
_STEPS = 10
_CPU = torch.device("cpu")


def measure() -> list[Row]:
    """Draw with each tier and with plain, in turn; on the CPU nothing is compiled."""
    return _tier(Tiny(shipped("starter")), "fused")


def _tier(plain: Tiny, tier: Speed) -> list[Row]:
    quick, loop = Tiny(shipped("starter")), SamplingLoop(floor())
    for one in (quick.network, quick.autoencoder):
        speed.prepare(one, tier, _CPU)
        one.eval().requires_grad_(False)
    rows = []
    for size in _SIZES:
        made, expected = _drawn(loop, quick, size), _drawn(loop, plain, size)
        away = float((made - expected).abs().max() / expected.abs().max())
        ours, theirs = pairs(
            lambda size=size: _drawn(loop, quick, size), lambda size=size: _drawn(loop, plain, size)
        )
        rows.append(
            Row(what=f"{_STEPS} steps at {size} pixels, {tier} ÷ plain",
                value=median_ratio(ours, theirs), beside=f"latents differ by {away:.0e} at most")
        )  # fmt: skip
    latents = _drawn(loop, plain, _SIZES[-1])
    ours, theirs = pairs(
        lambda: vae.decode(quick.autoencoder, latents),
        lambda: vae.decode(plain.autoencoder, latents),
    )
    grown = size_of(quick.network) / size_of(plain.network)
    return [
        *rows,
        Row(what=f"decoding at {_SIZES[-1]} pixels, {tier} ÷ plain",
            value=median_ratio(ours, theirs)),
        Row(what=f"weights of the denoiser, {tier} ÷ plain", value=grown),
    ]  # fmt: skip


@torch.inference_mode()
def _drawn(loop: SamplingLoop, tiny: Tiny, size: int) -> torch.Tensor:
    (made,) = loop.sample([tiny.row(size=size, steps=_STEPS)])
    return made
