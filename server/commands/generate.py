"""``heliograph generate``: draw pictures from the command line.

What it uses to draw is ``drawing``'s.
"""

import argparse
from contextlib import suppress

import anyio

from core.config import Config
from core.errors import HeliographError
from server.commands import drawing, grid

_FIELDS = (
    "negative_prompt", "model", "width", "height", "steps", "guidance_scale", "sampler",
    "scheduler", "seed", "count", "init_image", "strength", "mask_image", "mask_blur", "mask_grow",
    "mask_invert", "only_masked", "mask_padding", "extend_left", "extend_right", "extend_top",
    "extend_bottom", "infill", "max_rows", "dynamic_prompts", "guidance_rescale",
    "guidance_start", "guidance_end", "variation_seed", "variation_strength", "seamless",
    "hires_factor", "hires_strength", "hires_steps", "hires_upscaler", "hires_resample",
    "match_colors", "vae", "text_encoder", "text_encoder_2", "text_encoder_3", "true_cfg_scale",
)  # fmt: skip
_WHOLE = frozenset(
    {
        "width", "height", "steps", "seed", "count", "max_rows", "mask_grow", "mask_padding",
        "extend_left", "extend_right", "extend_top", "extend_bottom", "variation_seed",
        "hires_steps",
    }
)  # fmt: skip
_REAL = frozenset(
    {
        "guidance_scale", "strength", "mask_blur", "guidance_rescale", "guidance_start",
        "guidance_end", "variation_strength", "hires_factor", "hires_strength", "true_cfg_scale",
    }
)  # fmt: skip
_NAMES = frozenset({"model", "image"})  # fields of what is listed that are texts, even of digits
_LISTS = ("styles", "control", "image_prompts")
_FLAGS = frozenset({"mask_invert", "only_masked", "match_colors"})
_ELSEWHERE = frozenset({"dynamic_prompts"})  # called otherwise here: ``grid``'s flag


def arguments(command: argparse.ArgumentParser) -> None:
    """Add a flag for each field of a request."""
    command.add_argument("prompt", help="what to draw")
    command.add_argument("-o", "--output", default="", help="file to write; numbered for several")
    for name in _FIELDS:
        if name in _ELSEWHERE:
            continue
        if name in _FLAGS:
            flag = "--" + name.replace("_", "-")
            command.add_argument(flag, action="store_const", const=True, default=None)
            continue
        kind = int if name in _WHOLE else float if name in _REAL else str
        command.add_argument("--" + name.replace("_", "-"), type=kind)
    command.add_argument(
        "--style", dest="styles", action="append", help="a preset of yours; again for several"
    )
    command.add_argument(
        "--control", type=_listed, action="append", metavar="model=…,image=…",
        help="a ControlNet and its picture, with any of its fields; once for each",
    )  # fmt: skip
    command.add_argument(
        "--image-prompt", dest="image_prompts", type=_listed, action="append",
        metavar="model=…,image=…",
        help="an IP-Adapter and the picture to follow, with any of its fields; once for each",
    )  # fmt: skip
    grid.arguments(command)
    drawing.arguments(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Draw, show how far it is, print the files."""
    return anyio.run(_generate, parsed, config)


async def _generate(parsed: argparse.Namespace, config: Config) -> int:
    given = {name: getattr(parsed, name) for name in (*_FIELDS, *_LISTS)}
    fields = {name: value for name, value in given.items() if value is not None}
    ask = {"prompt": parsed.prompt, **fields}
    path = "/generate"
    if parsed.sweep:
        path, ask = "/jobs", grid.body(ask, parsed)
    async with drawing.server(parsed, config) as client:
        try:
            jobs = await drawing.watched(client, path, ask, quiet=parsed.quiet)
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        failed = [job for job in jobs if job["status"] != "succeeded"]
        images = [image for job in jobs for image in job["images"]]
        if parsed.sheet and images:
            await grid.sheet(client, jobs[0]["batch"], parsed.sheet)
        kept = images if parsed.output or not parsed.sheet else []
        await drawing.save(client, kept, parsed.output)
        drawing.told(jobs)
    return 1 if failed else 0


def _listed(text: str) -> dict[str, str | float]:
    """Read ``model=edges,image=…,weight=0.8``; the server knows which fields there are."""
    fields: dict[str, str | float] = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if not equals:
            raise argparse.ArgumentTypeError(f"{part!r} is not name=value")
        fields[name] = value
        if name not in _NAMES:
            with suppress(ValueError):
                fields[name] = float(value)
    return fields
