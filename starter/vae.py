"""The picture encoder and decoder: its shape for each size, and its training.

Trained on crops, because it is convolutional and updates count more than pixels; the last part
on whole pictures, so that the group norms meet what they will see in use. Does not know words.
"""

from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from starter.scenes import Mix, draw_scene, make_scene
from starter.seeds import make_generator, mix
from starter.sprites import Atlas

# side in pixels -> channels of each level; the factor is 2 ** (levels - 1)
LEVELS: dict[int, tuple[int, ...]] = {
    16: (8, 8, 8, 8),
    64: (24, 48, 96, 128),
    128: (24, 48, 96, 128),
    256: (32, 64, 128, 160),
}
LATENT_CHANNELS = 16
CROP = 32  # pixels
KL_WEIGHT = 3e-4
WHOLE_FROM = 0.8  # part of all steps after which whole pictures are shown


def make_vae(size: int) -> AutoencoderKL:
    """Make an untrained one. There is no attention in it, so crops and pictures are alike."""
    levels = LEVELS[size]
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels),
        block_out_channels=levels,
        layers_per_block=1,
        latent_channels=LATENT_CHANNELS,
        norm_num_groups=8,
        sample_size=size,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        force_upcast=False,
    )


def draw_pool(seed: int, count: int, codes: list[str], atlas: Atlas, size: int) -> torch.Tensor:
    """Draw the pictures the crops are cut from, (N, 3, H, W) in uint8.

    More pairs, small figures and gradients than the UNet sees: here they are just detail.
    """
    kinds = Mix(pair=0.25, small=0.15, gradient=0.2)
    pool = torch.empty((count, 3, size, size), dtype=torch.uint8)
    for index in range(count):
        picture = draw_scene(make_scene(seed, index, codes, kinds), atlas, size)
        pool[index] = torch.from_numpy(np.array(picture)).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)
    return pool


def reconstruction_loss(made: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    """Add up L1, the L1 of both gradients, and the L1 of the 4 by 4 means; (B, 3, H, W) each."""
    error = made - real
    rows = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
    columns = (error[..., :, 1:] - error[..., :, :-1]).abs().mean()
    return (
        error.abs().mean() + 0.5 * (rows + columns) + functional.avg_pool2d(error, 4).abs().mean()
    )


class VaeStage:
    """Trains the VAE on crops of a pool of pictures."""

    name = "vae"

    def __init__(
        self, pool: torch.Tensor, *, size: int, seed: int, total: int, device: str, batch: int = 12
    ) -> None:
        """Take the pool as `draw_pool` made it."""
        torch.manual_seed(mix(seed, "vae", 0))
        self.vae = make_vae(size).to(device, memory_format=torch.channels_last)
        self.ema = make_vae(size).to(device).requires_grad_(False)
        self.ema.load_state_dict(self.vae.state_dict())
        self._optimizer = torch.optim.AdamW(
            self.vae.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self._pool, self._size, self._seed = pool, size, seed
        self._device, self._batch, self._total = device, batch, total

    def update(self, step: int, rate: float) -> float:
        """Do one step."""
        draws = make_generator(self._seed, "vae", step)
        real = self._cut(step, draws).to(self._device).float() / 127.5 - 1
        real = real.contiguous(memory_format=torch.channels_last)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast(torch.device(self._device).type, torch.bfloat16):
            posterior = self.vae.encode(real).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=draws).to(self._device)
            made = self.vae.decode(posterior.mean + posterior.std * noise).sample
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        reconstruction = reconstruction_loss(made.float(), real)
        self._optimizer.zero_grad(set_to_none=True)
        (reconstruction + KL_WEIGHT * kl).backward()
        torch.nn.utils.clip_grad_norm_(self.vae.parameters(), 1.0)
        self._optimizer.step()
        blend(self.ema, self.vae, 0.999, step)
        return float(reconstruction.detach())

    def _cut(self, step: int, draws: torch.Generator) -> torch.Tensor:
        """Cut crops, or near the end take as many pixels in whole pictures."""
        whole = step >= WHOLE_FROM * self._total
        side = self._size if whole else min(CROP, self._size)
        count = max(1, self._batch * CROP * CROP // (side * side)) if whole else self._batch
        picks = torch.randint(len(self._pool), (count,), generator=draws)
        corners = torch.randint(self._size - side + 1, (count, 2), generator=draws)
        crops = [
            self._pool[pick, :, y : y + side, x : x + side]
            for pick, (y, x) in zip(picks.tolist(), corners.tolist(), strict=True)
        ]
        return torch.stack(crops)

    def collect(self) -> dict[str, Any]:
        """Give all state a resumed run needs."""
        return {
            "vae": self.vae.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self._optimizer.state_dict(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `collect` gave."""
        self.vae.load_state_dict(state["vae"])
        self.ema.load_state_dict(state["ema"])
        self._optimizer.load_state_dict(state["optimizer"])


@torch.no_grad()
def blend(slow: torch.nn.Module, fast: torch.nn.Module, decay: float, step: int) -> None:
    """Move the averaged weights towards the trained ones, faster in the first steps."""
    weight = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(slow.parameters()), list(fast.parameters()), weight)


@torch.no_grad()
def measure_scale(vae: AutoencoderKL, pool: torch.Tensor) -> float:
    """Give the factor that brings the latents' mean square to one."""
    real = pool.float() / 127.5 - 1
    latents = torch.cat([vae.encode(part).latent_dist.mean for part in torch.split(real, 64)])
    return float(latents.square().mean().rsqrt())


@torch.no_grad()
def measure_error(vae: AutoencoderKL, pool: torch.Tensor) -> float:
    """Give the mean square error of pictures in -1..1 sent through and back."""
    real = pool.float() / 127.5 - 1
    errors = [
        (vae.decode(vae.encode(part).latent_dist.mean).sample - part).square().mean()
        for part in torch.split(real, 64)
    ]
    return float(torch.stack(errors).mean())
