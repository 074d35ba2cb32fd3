"""Objective: what a network is given and asked for at a level of noise, and how far off it is.

Diffusion with betas (predicting noise, velocity or the picture) and flows are two kinds of one
thing. Knows scheduler configurations and recipes; neither networks nor where numbers come from.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from core.engine.train.feed.draws import Draws, Place
from core.errors import Invalid
from core.records.recipe import Recipe

_LEAST = 1e-8  # signal-to-noise ratio, and mean of a mask, that is not divided by


class Levels(Protocol):
    """How pictures are noised, by timesteps (B,); latents and noise are (B, C, h, w) float32."""

    def timesteps(self, shares: Tensor) -> Tensor:
        """Give timesteps (B,) for shares (B,) of the way, in [0, 1)."""
        ...

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give what the network sees."""
        ...

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give what the network is to predict."""
        ...

    def weights(self, timesteps: Tensor) -> Tensor | None:
        """Give the weight of each loss, (B,); None where all weigh 1."""
        ...


class Objective:
    """What one run asks of its network.

    :param scheduler_config: of the model: betas and what is predicted, or the shift of a flow.
    :param flow: whether the model follows a flow.
    :raises Invalid: prediction_unsupported.
    """

    def __init__(self, scheduler_config: Mapping[str, Any], recipe: Recipe, flow: bool) -> None:
        self.levels: Levels = (
            FlowLevels(scheduler_config) if flow else BetaLevels(scheduler_config, recipe)
        )
        self._recipe = recipe
        self._flow = flow
        self._count = int(scheduler_config.get("num_train_timesteps", 1000))

    def timesteps(
        self, draws: Draws, place: Place, items: Sequence[int], purpose: str = "timestep"
    ) -> Tensor:
        """Draw a timestep for each item: (B,), int64 for betas, float32 for a flow."""
        if self._recipe.timesteps == "logit_normal":  # Esser et al. 2024, 2403.03206, §3.1
            shares = draws.normals(purpose, place, (), items).sigmoid()
            return self.levels.timesteps(shares)
        if self._flow:
            return self.levels.timesteps(draws.uniform(purpose, place, len(items), items))
        return draws.integers(purpose, place, len(items), self._count, items)

    def noise(self, draws: Draws, place: Place, like: Tensor, items: Sequence[int]) -> Tensor:
        """Draw the noise of latents (B, C, h, w), on the CPU.

        With the recipe's offset each channel is moved as a whole (N. Guttenberg 2023, "Diffusion
        with offset noise").
        """
        made = draws.normals("noise", place, like.shape[1:], items)
        if self._recipe.noise_offset:
            moved = draws.normals("offset", place, (like.shape[1], 1, 1), items)
            made = made + self._recipe.noise_offset * moved
        return made

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give what the network sees, (B, C, h, w) float32."""
        return self.levels.noised(latents, noise, timesteps)

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give what the network is to predict, (B, C, h, w) float32."""
        return self.levels.target(latents, noise, timesteps)

    def weights(self, timesteps: Tensor) -> Tensor | None:
        """Give the weight of each sample's loss, (B,); None where all weigh 1."""
        return self.levels.weights(timesteps)

    def loss(self, predicted: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Give the loss of each sample, (B,) float32.

        Squares, or with the recipe's ``huber`` width c pseudo-Huber 2c(√(d² + c²) − c), which is d²
        near 0. A mask (B, 1, h, w) weighs cells; small subjects count as much as large ones.
        """
        apart = predicted.float() - target.float()
        width = self._recipe.huber
        if width:
            far = 2 * width * ((apart.square() + width * width).sqrt() - width)
        else:
            far = apart.square()
        if mask is None:
            return far.flatten(1).mean(1)
        share = mask.float().flatten(1).mean(1).clamp_min(_LEAST)
        return (far * mask).flatten(1).mean(1) / share


class BetaLevels:
    """Levels of a model with betas, as diffusers' ``DDPMScheduler`` noises.

    :raises Invalid: prediction_unsupported.
    """

    def __init__(self, config: Mapping[str, Any], recipe: Recipe) -> None:
        from diffusers import DDPMScheduler

        accepted = inspect.signature(DDPMScheduler.__init__).parameters
        told = {key: value for key, value in config.items() if key in accepted}
        if recipe.ztsnr:
            told["rescale_betas_zero_snr"] = True
        self._scheduler = DDPMScheduler.from_config(told)
        self._kind = str(self._scheduler.config.prediction_type)
        if self._kind not in _TARGETS:
            raise Invalid("prediction_unsupported", prediction=self._kind)
        self._gamma = recipe.snr_gamma or 0.0
        self._count = int(self._scheduler.config.num_train_timesteps)

    def timesteps(self, shares: Tensor) -> Tensor:
        """Give whole timesteps."""
        return (shares * self._count).long().clamp(0, self._count - 1)

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Mix by the root of what betas leave."""
        made: Tensor = self._scheduler.add_noise(latents, noise, timesteps)
        return made

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give noise, velocity (Salimans & Ho 2022, 2202.00512) or picture."""
        return _TARGETS[self._kind](self._scheduler, latents, noise, timesteps)

    def weights(self, timesteps: Tensor) -> Tensor | None:
        """Give min-SNR weights (Hang et al. 2023, 2303.09556, §3.4) with the recipe's γ."""
        if not self._gamma:
            return None
        left = self._scheduler.alphas_cumprod.to(timesteps.device)[timesteps].float()
        ratio = (left / (1 - left)).clamp_min(_LEAST)
        weights: Tensor = ratio.clamp_max(self._gamma) / _DIVISORS[self._kind](ratio)
        return weights


Target = Callable[[Any, Tensor, Tensor, Tensor], Tensor]

_TARGETS: dict[str, Target] = {
    "epsilon": lambda scheduler, latents, noise, timesteps: noise,
    "v_prediction": lambda scheduler, latents, noise, timesteps: scheduler.get_velocity(
        latents, noise, timesteps
    ),
    "sample": lambda scheduler, latents, noise, timesteps: latents,
}
# What a loss of the picture's own is divided by, since what is predicted is another thing.
_DIVISORS: dict[str, Callable[[Tensor], Tensor]] = {
    "epsilon": lambda ratio: ratio,
    "v_prediction": lambda ratio: ratio + 1,
    "sample": torch.ones_like,
}


class FlowLevels:
    """Levels of a flow: x = (1 − σ) · x₀ + σ · n, predicting n − x₀; timesteps are σ × 1000.

    A shift that the model always has (Esser et al. 2024, 2403.03206, §5.3.2) moves levels; one that
    depends on the size of a picture does not, as in diffusers' scripts.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        dynamic = bool(config.get("use_dynamic_shifting"))
        self._shift = 1.0 if dynamic else float(config.get("shift") or 1.0)
        self._count = int(config.get("num_train_timesteps", 1000))

    def timesteps(self, shares: Tensor) -> Tensor:
        """Give timesteps between whole ones."""
        level = 1 - shares
        return self._count * self._shift * level / (1 + (self._shift - 1) * level)

    def noised(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Mix in a straight line."""
        level = (timesteps / self._count).view(-1, 1, 1, 1)
        return (1 - level) * latents + level * noise

    def target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> Tensor:
        """Give the way from picture to noise."""
        return noise - latents

    def weights(self, timesteps: Tensor) -> Tensor | None:
        """Weigh all alike."""
        return None
