"""What clients of OpenAI's Images API send, and what it is in our words.

Names and values are those of its public reference. Fields of ours stand beside them at the top
level; what has no meaning here is taken and ignored (docs/compat.md lists it).
"""

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, Problem
from core.graph.recipes import Generate
from core.graph.requests import LoraUse
from core.records.model import Model
from server import codec

Background = Literal["transparent", "opaque", "auto"]
OWN_NAMES = re.compile(r"(gpt-image|chatgpt-image|dall-e)[\w.-]*")
_SIZE = re.compile(r"(\d{1,5})x(\d{1,5})")
_EFFORT = {"low": 0.5, "high": 1.5, "hd": 1.5, "xhigh": 2.0, "max": 2.0}  # of the model's steps
_STEPS = 20  # of a model that says none
VARIATION = 0.6  # strength


class Ask(Struct, frozen=True, kw_only=True):
    """The fields that all three endpoints share."""

    prompt: Annotated[str, Meta(max_length=32_000)] = ""
    model: Annotated[str, Meta(max_length=512)] | None = None
    n: Annotated[int, Meta(ge=1, le=10)] = 1
    size: Annotated[str, Meta(max_length=20)] = "auto"
    quality: Literal["auto", "low", "medium", "high", "standard", "hd", "xhigh", "max"] = "auto"
    background: Background = "auto"
    response_format: Literal["b64_json", "url"] = "b64_json"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    stream: bool = False
    partial_images: Annotated[int, Meta(ge=0, le=3)] = 0
    negative_prompt: str = ""
    seed: int | None = None
    steps: int | None = None
    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    cfg_scale: float | None = None
    sampler: str | None = None
    scheduler: str | None = None
    strength: float | None = None
    loras: list[LoraUse] = []
    board: str | None = None

    @property
    def named_model(self) -> str | None:
        """Name the model; OpenAI's own names stand for the one that is drawn with by default."""
        return None if not self.model or OWN_NAMES.fullmatch(self.model) else self.model


def to_generate(
    ask: Ask, model: Model | None, *, init_image: str | None = None, mask_image: str | None = None
) -> Generate:
    """Say a request in our words.

    :param model: that will draw; its steps are what ``quality`` is measured by.
    :raises Invalid: with a JSON pointer of theirs.
    """
    width, height = _sides(ask.size)
    steps = ask.steps if ask.steps is not None else ask.num_inference_steps
    if steps is None and ask.quality in _EFFORT:
        own = model.defaults.steps if model else None
        steps = max(1, round((own or _STEPS) * _EFFORT[ask.quality]))
    guidance = ask.guidance_scale if ask.guidance_scale is not None else ask.cfg_scale
    fields = {
        "prompt": ask.prompt, "negative_prompt": ask.negative_prompt, "model": ask.named_model,
        "width": width, "height": height, "steps": steps, "guidance_scale": guidance,
        "sampler": ask.sampler, "scheduler": ask.scheduler, "seed": ask.seed, "count": ask.n,
        "loras": msgspec.to_builtins(ask.loras), "board": ask.board,
        "init_image": init_image, "mask_image": mask_image, "strength": ask.strength,
    }  # fmt: skip
    return codec.decode(fields, Generate)


def _sides(size: str) -> tuple[int | None, int | None]:
    """Read ``WIDTHxHEIGHT``; ``auto`` is the model's own size."""
    if size in ("auto", ""):
        return None, None
    match = _SIZE.fullmatch(size)
    if match is None:
        raise Invalid(problems=(Problem(code="bad_size", pointer="/size", params={"size": size}),))
    return int(match[1]), int(match[2])
