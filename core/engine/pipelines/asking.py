"""Asking: what a picture is to be, as arguments of a pipeline's ``__call__``.

Only what its signature has is passed on; what it lacks is told. Knows no jobs and no weights.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from PIL import Image as Pillow

from core.errors import ModelNotFinite

UNUSED = "setting_unused"  # what a job is told, with the name of the setting
UNGUIDED = 1.0  # up to this scale nothing is guided
# What would change the size that was asked for, or the words, or hangs on further libraries.
_PLAIN = {"use_resolution_binning": False, "clean_caption": False, "use_pe": False}
_SPRINT = 2  # steps for which a sprint has an intermediate timestep


class Wish(Struct, frozen=True, kw_only=True):
    """One picture: ``pixels`` (1, 3, H, W) and ``mask`` (1, 1, H, W), float32 in [0, 1]."""

    prompt: str
    negative_prompt: str = ""
    width: int
    height: int
    seed: int = 0
    steps: int | None = None
    guidance_scale: float | None = None
    strength: float | None = None
    pixels: torch.Tensor | None = None
    mask: torch.Tensor | None = None


def arguments(pipeline: Any, wish: Wish) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Give the arguments of a pipeline's ``__call__``, and the settings it has no place for.

    The generator is on the CPU, so a seed means one thing everywhere.
    """
    known = inspect.signature(pipeline.__call__).parameters
    asked: dict[str, Any] = {
        "prompt": wish.prompt,
        "width": wish.width,
        "height": wish.height,
        "num_inference_steps": wish.steps,
        "strength": wish.strength,
        "generator": torch.Generator("cpu").manual_seed(wish.seed),
        "image": None if wish.pixels is None else picture(wish.pixels),
        "mask_image": None if wish.mask is None else picture(wish.mask),
        "output_type": "np",
        "return_dict": False,
        **_PLAIN,
        **_guided(known, wish),
    }
    asked = {name: value for name, value in asked.items() if value is not None}
    if "intermediate_timesteps" in known and wish.steps not in (None, _SPRINT):
        asked["intermediate_timesteps"] = None
    return {name: value for name, value in asked.items() if name in known}, _unused(known, wish)


def picture(values: torch.Tensor) -> Pillow.Image:
    """Make a picture of (1, 3, H, W), or of a mask (1, 1, H, W): what every pipeline takes."""
    levels = (values[0].clamp(0, 1) * 255).round().to(torch.uint8)
    if len(levels) == 1:
        return Pillow.fromarray(levels[0].numpy())
    return Pillow.fromarray(levels.permute(1, 2, 0).contiguous().numpy())  # (3, H, W) -> (H, W, 3)


def pixels(made: Any) -> torch.Tensor:
    """Read what a pipeline gave, pictures (B, H, W, 3) in [0, 1]: the first, (1, 3, H, W) float32.

    :raises ValueError: when it is no picture.
    :raises ModelNotFinite: when it holds what is no number.
    """
    first = made[0] if isinstance(made, tuple) else made
    first = first[0] if isinstance(first, (list, tuple)) else first
    array = np.asarray(first, dtype=np.float32)
    array = array[:1] if array.ndim == 4 else array[None]
    if array.ndim != 4 or array.shape[-1] != 3:
        raise ValueError(f"the pipeline gave {array.shape}, which is no picture")
    # (1, H, W, 3) -> (1, 3, H, W)
    values = torch.from_numpy(array.copy()).permute(0, 3, 1, 2).contiguous()
    if not values.isfinite().all():
        raise ModelNotFinite
    return values.clamp(0, 1)


def _guided(known: Mapping[str, inspect.Parameter], wish: Wish) -> dict[str, Any]:
    """Say how strongly the prompt is followed, in the words of this pipeline.

    Where ``guidance_scale`` is for distilled models only, ``true_cfg_scale`` is what people mean,
    and it counts only beside a negative prompt.
    """
    name, scale = _scale(known), wish.guidance_scale
    found: dict[str, Any] = {"negative_prompt": wish.negative_prompt or None}
    if name is not None:
        found[name] = scale
    if name == "true_cfg_scale" and (scale is None or scale > UNGUIDED):
        found["negative_prompt"] = wish.negative_prompt or " "  # as the models' cards say
    return found


def _scale(known: Mapping[str, inspect.Parameter]) -> str | None:
    plain = known.get("guidance_scale")
    if "true_cfg_scale" in known and (plain is None or plain.default is None):
        return "true_cfg_scale"
    return None if plain is None else "guidance_scale"


def _unused(known: Mapping[str, inspect.Parameter], wish: Wish) -> tuple[str, ...]:
    guided = wish.guidance_scale is not None and wish.guidance_scale > UNGUIDED
    there = {
        "negative_prompt": wish.negative_prompt == "" or "negative_prompt" in known,
        "guidance_scale": not guided or _scale(known) is not None,
        "steps": wish.steps is None or "num_inference_steps" in known,
        "strength": wish.pixels is None or wish.strength is None or "strength" in known,
    }
    return tuple(f"{UNUSED}:{name}" for name, used in there.items() if not used)
