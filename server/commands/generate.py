"""``heliograph generate``: draw pictures from the command line.

What it uses to draw is ``drawing``'s.
"""

import argparse
from pathlib import Path

import anyio

from core.config import Config
from core.errors import HeliographError
from core.ids import new_id
from server import cli
from server.commands import drawing

_FIELDS = (
    "negative_prompt", "model", "width", "height", "steps", "guidance_scale", "sampler",
    "scheduler", "seed", "count", "init_image", "strength", "mask_image", "mask_blur", "mask_grow",
    "mask_invert", "only_masked", "mask_padding", "extend_left", "extend_right", "extend_top",
    "extend_bottom", "infill", "hires_factor", "hires_strength", "hires_steps", "hires_upscaler",
    "hires_resample", "match_colors",
)  # fmt: skip
_WHOLE = frozenset(
    {
        "width", "height", "steps", "seed", "count", "mask_grow", "mask_padding", "extend_left",
        "extend_right", "extend_top", "extend_bottom", "hires_steps",
    }
)  # fmt: skip
_REAL = frozenset({"guidance_scale", "strength", "mask_blur", "hires_factor", "hires_strength"})
_FLAGS = frozenset({"mask_invert", "only_masked", "match_colors"})


def arguments(command: argparse.ArgumentParser) -> None:
    """Add a flag for each field of a request."""
    command.add_argument("prompt", help="what to draw")
    command.add_argument("-o", "--output", default="", help="file to write; numbered for several")
    for name in _FIELDS:
        if name in _FLAGS:
            flag = "--" + name.replace("_", "-")
            command.add_argument(flag, action="store_const", const=True, default=None)
            continue
        kind = int if name in _WHOLE else float if name in _REAL else str
        command.add_argument("--" + name.replace("_", "-"), type=kind)
    drawing.arguments(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Draw, show how far it is, print the files."""
    return anyio.run(_generate, parsed, config)


async def _generate(parsed: argparse.Namespace, config: Config) -> int:
    fields = {name: value for name in _FIELDS if (value := getattr(parsed, name)) is not None}
    ask = {"prompt": parsed.prompt, **fields}
    async with drawing.server(parsed, config) as client:
        try:
            jobs = await drawing.watched(client, "/generate", ask, quiet=parsed.quiet)
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        failed = [job for job in jobs if job["status"] != "succeeded"]
        images = [image for job in jobs for image in job["images"]]
        for index, image in enumerate(images):
            file = _file(parsed.output, image, index, len(images))
            await anyio.Path(file).write_bytes(await client.picture(image))
            cli.say(str(file))
        drawing.told(jobs)
    return 1 if failed else 0


def _file(output: str, image: str, index: int, count: int) -> Path:
    if not output:
        return Path(f"heliograph-{image or new_id()}.png")
    path = Path(output)
    path = path if path.suffix else path.with_suffix(".png")
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")
