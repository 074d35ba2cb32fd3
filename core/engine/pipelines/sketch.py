"""Sketches: what a pipeline's latents show on their way, for previews.

A latent map (``diffusion.preview``) is fitted to autoencoders whose latents are pictures of
their own: (B, C, h, w), or packed to tokens of one cell or 2 × 2. Knows no jobs.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from core.engine.carrier import place_of
from core.engine.diffusion import preview
from core.engine.models import vae as plain
from core.engine.pipelines.whole import Whole

_PATCH = 2  # cells of latents to a patch, each way
_FLOW = "FlowMatchEulerDiscreteScheduler"
_KEEPS_CLEAN = ("dpmsolver++", "sde-dpmsolver++")  # algorithms that keep estimates of the picture


class Coder(NamedTuple):
    """How pixels (B, 3, H, W) in [0, 1] become latents (B, C, h, w) of a loop, and back."""

    encode: Callable[[Any, torch.Tensor], torch.Tensor]
    decode: Callable[[Any, torch.Tensor], torch.Tensor]
    cells: int = 1  # of the autoencoder's latents to one of these, each way


def known(whole: Whole) -> bool:
    """Say whether a map can be fitted: to an autoencoder of these kinds, on the device."""
    return type(whole.autoencoder).__name__ in _CODERS and not whole.offloaded


def fit(whole: Whole, factor: int) -> preview.LatentMap:
    """Fit a map to the autoencoder of a ``known`` pipeline. Only under the baton.

    :param factor: pixels to a cell of latents, each way.
    """
    autoencoder = whole.autoencoder
    coder = _CODERS[type(autoencoder).__name__]
    return plain.latent_map(
        factor * coder.cells,
        lambda pixels: coder.encode(autoencoder, pixels).to("cpu"),
        lambda latents: coder.decode(autoencoder, latents).to("cpu"),
    )


class Sketching:
    """Estimates of one picture while it is drawn.

    :param size: of the picture, (height, width) in pixels.
    """

    def __init__(self, table: preview.LatentMap, size: tuple[int, int], longest: int) -> None:
        self._table = table
        self._cells = (size[0] // table.scale, size[1] // table.scale)
        self._longest = longest
        self._before: torch.Tensor | None = None

    def taken(self, scheduler: Any, latents: Any) -> Callable[[], torch.Tensor] | None:
        """Note latents after a step; give what draws them, uint8 (H, W, 3), if that can be."""
        if not isinstance(latents, torch.Tensor):
            return None
        before, self._before = self._before, latents
        channels = self._table.weight.shape[1]
        if unpacked(latents, channels, self._cells) is None:
            return None

        def show() -> torch.Tensor:
            guess = unpacked(estimate(scheduler, before, latents), channels, self._cells)
            assert guess is not None
            return preview.draw(guess[:1], self._table, self._longest)

        return show


def estimate(scheduler: Any, before: torch.Tensor | None, after: torch.Tensor) -> torch.Tensor:
    """Estimate the finished latents from those around a step that was just taken.

    A straight flow goes on as it went; multistep solvers keep their last estimate. Where neither
    holds, the noisy latents have to do.
    """
    kept = getattr(scheduler, "model_outputs", None)
    algorithm = getattr(getattr(scheduler, "config", None), "algorithm_type", None)
    if kept and algorithm in _KEEPS_CLEAN and isinstance(kept[-1], torch.Tensor):
        return kept[-1] if kept[-1].shape == after.shape else after
    index = getattr(scheduler, "step_index", None)
    if type(scheduler).__name__ != _FLOW or before is None or not index:
        return after
    now, then = (float(scheduler.sigmas[place]) for place in (index - 1, index))
    if before.shape != after.shape or now == then:
        return after
    return after - then * (after - before) / (then - now)


def unpacked(latents: torch.Tensor, channels: int, cells: tuple[int, int]) -> torch.Tensor | None:
    """Lay latents out as (B, C, h, w); None for a layout that is not known.

    :param cells: (h, w) of the picture's latents.
    """
    height, width = cells
    if latents.ndim == 5 and latents.shape[2] == 1:
        latents = latents[:, :, 0]
    if latents.ndim == 4:
        return latents if latents.shape[1] == channels else None
    batch = len(latents)
    if latents.ndim == 3 and tuple(latents.shape[1:]) == (height * width, channels):
        return latents.transpose(1, 2).reshape(batch, channels, height, width)
    tokens = (height // 2) * (width // 2)
    if latents.ndim != 3 or tuple(latents.shape[1:]) != (tokens, channels * 4):
        return None
    # (B, h/2·w/2, C·2·2) -> (B, C, h, w)
    grid = latents.view(batch, height // 2, width // 2, channels, 2, 2)
    return grid.permute(0, 3, 1, 4, 2, 5).reshape(batch, channels, height // 2 * 2, width // 2 * 2)


def _centered(autoencoder: Any, pixels: torch.Tensor) -> torch.Tensor:
    dtype = next(autoencoder.parameters()).dtype
    return (2.0 * pixels - 1.0).to(place_of(autoencoder), dtype)


def _shown(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels.to(torch.float32) * 0.5 + 0.5).clamp(0, 1)


def _compressed(autoencoder: Any, pixels: torch.Tensor) -> torch.Tensor:
    latent = autoencoder.encode(_centered(autoencoder, pixels), return_dict=False)[0]
    scaled: torch.Tensor = latent.to(torch.float32) * autoencoder.config.scaling_factor
    return scaled


def _expanded(autoencoder: Any, latents: torch.Tensor) -> torch.Tensor:
    plain_ = latents / autoencoder.config.scaling_factor
    dtype = next(autoencoder.parameters()).dtype
    given = plain_.to(place_of(autoencoder), dtype)
    return _shown(autoencoder.decode(given, return_dict=False)[0])


def _film(autoencoder: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures as films of one frame, (B, 3, 1, H, W), each channel normalised."""
    mode = autoencoder.encode(_centered(autoencoder, pixels)[:, :, None]).latent_dist.mode()
    mean, deviation = _moments(autoencoder)
    latents: torch.Tensor = (mode[:, :, 0].to("cpu", torch.float32) - mean) / deviation
    return latents


def _frames(autoencoder: Any, latents: torch.Tensor) -> torch.Tensor:
    mean, deviation = _moments(autoencoder)
    dtype = next(autoencoder.parameters()).dtype
    given = (latents * deviation + mean)[:, :, None].to(place_of(autoencoder), dtype)
    return _shown(autoencoder.decode(given, return_dict=False)[0][:, :, 0])


def _patches(autoencoder: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures, and lay 2 × 2 cells into channels, each normalised."""
    mode = autoencoder.encode(_centered(autoencoder, pixels)).latent_dist.mode()
    mean, deviation = _running(autoencoder)
    latents = functional.pixel_unshuffle(mode.to(torch.float32), _PATCH)
    normal: torch.Tensor = (latents - mean) / deviation
    return normal


def _unpatched(autoencoder: Any, latents: torch.Tensor) -> torch.Tensor:
    mean, deviation = _running(autoencoder)
    cells = functional.pixel_shuffle(latents.to(mean.device) * deviation + mean, _PATCH)
    dtype = next(autoencoder.parameters()).dtype
    return _shown(autoencoder.decode(cells.to(dtype), return_dict=False)[0])


def _running(autoencoder: Any) -> tuple[torch.Tensor, torch.Tensor]:
    normal, least = autoencoder.bn, autoencoder.config.batch_norm_eps
    mean = normal.running_mean.to(torch.float32).view(1, -1, 1, 1)
    return mean, (normal.running_var.to(torch.float32).view(1, -1, 1, 1) + least).sqrt()


def _moments(autoencoder: Any) -> tuple[torch.Tensor, torch.Tensor]:
    config = autoencoder.config
    mean, deviation = (
        torch.tensor(list(one), dtype=torch.float32).view(1, -1, 1, 1)
        for one in (config.latents_mean, config.latents_std)
    )
    return mean, deviation


_CODERS = {
    "AutoencoderKL": Coder(plain.encode, plain.decode),
    "AutoencoderDC": Coder(_compressed, _expanded),
    "AutoencoderKLQwenImage": Coder(_film, _frames),
    "AutoencoderKLFlux2": Coder(_patches, _unpatched, _PATCH),
}
