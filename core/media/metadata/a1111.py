"""AUTOMATIC1111's text of how a picture was made, written and read.

Its grammar: the prompt, ``Negative prompt:`` on a line of its own, and a last line of settings,
``Name: value, …``, values with a comma, colon or line break quoted as in JSON. Civitai and most
programs read it. Their ``Clip skip`` counts the layer that is taken, ours the layers left out.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from core.graph import samplers
from core.media.metadata.chunks import MAX_CHUNK

KEYWORD = "parameters"
# every repeat that may fail is bounded, so that no text takes quadratic time
_PAIR = re.compile(r'\s{0,8}(\w[\w \-/]{1,63}):\s{0,8}("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
_MAX_LINE = 64 * 1024  # characters of the line of settings
_MIN_PAIRS = 3  # fewer on the last line, and it belongs to the prompt


_encoder = msgspec.json.Encoder()


_RECIPE = {  # a field of a recipe → their word for it
    "variation_seed": "Variation seed",
    "variation_strength": "Variation seed strength",
    "hires_factor": "Hires upscale",
    "hires_steps": "Hires steps",
    "mask_blur": "Mask blur",
    "guidance_rescale": "CFG Rescale",
}


class Parameters(Struct, frozen=True, kw_only=True):
    """What AUTOMATIC1111's text says, in our words; None where it does not say."""

    prompt: str = ""
    negative_prompt: str = ""
    steps: int | None = None
    sampler: str | None = None
    schedule: str | None = None
    guidance_scale: float | None = None
    seed: int | None = None
    width: int | None = None
    height: int | None = None
    model: str | None = None
    model_hash: str | None = None  # first ten hexadecimal digits of the file's SHA-256
    strength: float | None = None
    clip_skip: int | None = None  # layers left out; 0 for none
    version: str | None = None  # of the program
    others: dict[str, str] = {}  # what has no word of ours, as it stood


def write(made: Parameters) -> str:
    """Write ``prompt``, ``Negative prompt:`` and the line of settings that people's tools read."""
    schedule = samplers.SCHEDULES.get(made.schedule or "")
    known = made.sampler not in (None, samplers.MODEL)
    size = f"{made.width}x{made.height}" if made.width and made.height else None
    settings: dict[str, str | int | float | None] = {
        "Steps": made.steps,
        "Sampler": samplers.title(made.sampler or "") if known else None,
        "Schedule type": schedule.title if schedule else None,
        "CFG scale": made.guidance_scale,
        "Seed": made.seed,
        "Size": size,
        "Model hash": made.model_hash,
        "Model": made.model,
        "Denoising strength": made.strength,
        "Clip skip": made.clip_skip + 1 if made.clip_skip else None,
        **made.others,
        "Version": made.version,
    }
    line = ", ".join(
        f"{name}: {_quoted(value)}" for name, value in settings.items() if value is not None
    )
    negative = f"\nNegative prompt: {made.negative_prompt}" if made.negative_prompt else ""
    return f"{made.prompt}{negative}\n{line}".strip()


def beyond(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Give what a recipe asks beyond ``Parameters``, in their words, for its ``others``."""
    said = {theirs: recipe[ours] for ours, theirs in _RECIPE.items() if recipe.get(ours)}
    if not recipe.get("variation_strength"):
        said.pop("Variation seed", None)
    if recipe.get("hires_factor"):
        said["Hires upscaler"] = recipe.get("hires_upscaler") or "Latent"
    if recipe.get("seamless") == "both":
        said["Tiling"] = True
    return {theirs: f"{value:g}" if isinstance(value, float) else str(value)
            for theirs, value in said.items()}  # fmt: skip


def read(text: str) -> Parameters:
    """Read AUTOMATIC1111's text. Never fails: what is not understood stays in ``others``."""
    *lines, last = text[:MAX_CHUNK].strip().split("\n")
    pairs = _PAIR.findall(last) if len(last) <= _MAX_LINE else []
    if len(pairs) < _MIN_PAIRS:
        lines, pairs = [*lines, last], []
    prompt: list[str] = []
    negative: list[str] = []
    into = prompt
    for line in (line.strip() for line in lines):
        if line.startswith("Negative prompt:"):
            into, line = negative, line.removeprefix("Negative prompt:").strip()
        into.append(line)
    values = {name: _unquoted(value) for name, value in pairs}
    width, height = _size(values.pop("Size", ""))
    sampler, schedule = _sampler(values.pop("Sampler", ""), values.pop("Schedule type", ""))
    clip_skip = _number(values, "Clip skip", int)
    return Parameters(
        prompt="\n".join(prompt).strip(),
        negative_prompt="\n".join(negative).strip(),
        steps=_number(values, "Steps", int),
        sampler=sampler,
        schedule=schedule,
        guidance_scale=_number(values, "CFG scale", float),
        seed=_number(values, "Seed", int),
        width=width,
        height=height,
        model=values.pop("Model", None),
        model_hash=values.pop("Model hash", None),
        strength=_number(values, "Denoising strength", float),
        clip_skip=None if clip_skip is None else max(0, clip_skip - 1),
        version=values.pop("Version", None),
        others=values,
    )


def _quoted(value: str | int | float) -> str:
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    text = str(value)
    return _encoder.encode(text).decode() if re.search(r'[,\n:"]', text) else text


def _unquoted(text: str) -> str:
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            return str(msgspec.json.decode(text, type=str))
        except msgspec.DecodeError:
            return text
    return text.strip()


def _size(text: str) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"(\d{1,6})x(\d{1,6})", text)
    return (int(found[1]), int(found[2])) if found else (None, None)


def _number(values: dict[str, str], name: str, type_: Any) -> Any:
    """Take a number out; text that is none stays among the others."""
    try:
        number = msgspec.convert(values[name], type_, strict=False)
    except (KeyError, msgspec.ValidationError):
        return None
    del values[name]
    return number


def _sampler(sampler: str, schedule: str) -> tuple[str | None, str | None]:
    """Translate both names; one that is not exactly ours stays as it stood."""
    found = samplers.find(sampler, schedule)
    kind = found.schedule or (None if samplers.unsaid(schedule) else schedule.strip())
    return (found.sampler if found.exact else sampler.strip() or None), kind
