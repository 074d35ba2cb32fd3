"""The picture encoder and decoder, and its training.

Trained on crops, because it is convolutional and updates count more than pixels; the last part
on whole pictures, so that the group norms meet what they will see in use. Does not know words.
"""

from typing import Any

import torch
from diffusers import AutoencoderKL
from torch.nn import functional

from starter.precision import autocast
from starter.recipe import RECIPES
from starter.seeds import make_generator, mix

KL_WEIGHT = 3e-4


def make_vae(size: int) -> AutoencoderKL:
    """Make an untrained one. There is no attention in it, so crops and pictures are alike."""
    recipe = RECIPES[size]
    levels = recipe.vae_levels
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(levels),
        up_block_types=("UpDecoderBlock2D",) * len(levels),
        block_out_channels=levels,
        layers_per_block=1,
        latent_channels=recipe.latent_channels,
        norm_num_groups=8,
        sample_size=size,
        scaling_factor=1.0,
        mid_block_add_attention=False,
        force_upcast=False,
    )


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
        self, pool: torch.Tensor, *, size: int, seed: int, device: str, total: int = 1
    ) -> None:
        """Take the pool of pictures, uint8 (N, 3, H, W) on the device; `total` steps."""
        torch.manual_seed(mix(seed, "vae", 0))
        self.vae = make_vae(size).to(device, memory_format=torch.channels_last)
        self.ema = make_vae(size).to(device).requires_grad_(False)
        self.ema.load_state_dict(self.vae.state_dict())
        self._optimizer = torch.optim.AdamW(
            self.vae.parameters(), lr=1e-3, betas=(0.9, 0.98), weight_decay=0.01, fused=True
        )
        self._pool, self._size, self._seed = pool, size, seed
        self._device, self.total, self._recipe = device, total, RECIPES[size]

    def update(self, step: int, rate: float) -> torch.Tensor:
        """Do one step."""
        real = self._cut(step).float() / 127.5 - 1
        real = real.contiguous(memory_format=torch.channels_last)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        draws = make_generator(self._seed, "vae noise", step, self._device)
        with autocast(self._device):
            posterior = self.vae.encode(real).latent_dist
            noise = torch.randn(posterior.mean.shape, generator=draws, device=self._device)
            made = self.vae.decode(posterior.mean + posterior.std * noise).sample
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        reconstruction = reconstruction_loss(made.float(), real)
        self._optimizer.zero_grad(set_to_none=True)
        (reconstruction + KL_WEIGHT * kl).backward()
        torch.nn.utils.clip_grad_norm_(self.vae.parameters(), 1.0)
        self._optimizer.step()
        blend(self.ema, self.vae, 0.999, step)
        return reconstruction.detach()

    def _cut(self, step: int) -> torch.Tensor:
        """Cut crops, or near the end take as many pixels in whole pictures."""
        recipe = self._recipe
        whole = step >= recipe.whole_from * self.total
        crop = min(recipe.crop, self._size)
        side = self._size if whole else crop
        count = max(1, recipe.crops * crop * crop // (side * side))
        draws = make_generator(self._seed, "vae", step)
        picks = torch.randint(len(self._pool), (count, 1, 1), generator=draws)
        corners = torch.randint(self._size - side + 1, (2, count, 1, 1), generator=draws)
        span = torch.arange(side)
        rows, columns = corners[0] + span.view(1, side, 1), corners[1] + span.view(1, 1, side)
        at = [index.to(self._pool.device) for index in (picks, rows, columns)]
        return self._pool[at[0], :, at[1], at[2]].permute(0, 3, 1, 2)  # (B, H, W, 3) -> NCHW

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
    squares = [
        vae.encode(_to_real(part)).latent_dist.mean.square() for part in torch.split(pool, 32)
    ]
    return float(torch.cat(squares).mean().rsqrt())


@torch.no_grad()
def measure_error(vae: AutoencoderKL, pool: torch.Tensor) -> float:
    """Give the mean square error of pictures in -1..1 sent through and back."""
    errors = []
    for part in torch.split(pool, 32):
        real = _to_real(part)
        made = vae.decode(vae.encode(real).latent_dist.mean).sample
        errors.append((made - real).square().mean((1, 2, 3)))
    return float(torch.cat(errors).mean())


def _to_real(pictures: torch.Tensor) -> torch.Tensor:
    return pictures.float() / 127.5 - 1
