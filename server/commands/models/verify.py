"""``heliograph models verify``: our picture beside diffusers' own, on this machine and its models.

Exit code 0 where they are the same up to rounding, 1 where they are not.
"""

import argparse
from typing import Any

import anyio

from core.config import Config
from core.errors import HeliographError
from server import cli
from server.client import Client
from server.commands import drawing
from server.commands.models import finding

_FIELDS = ("prompt", "negative_prompt", "sampler")
_WHOLE = ("width", "height", "steps", "seed")


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the model, and the picture that is drawn."""
    command.add_argument("model", nargs="?", help="id, name or hash; all checkpoints without it")
    for name in (*_FIELDS, *_WHOLE):
        kind = int if name in _WHOLE else str
        command.add_argument("--" + name.replace("_", "-"), type=kind)
    command.add_argument("--guidance-scale", type=float)
    drawing.arguments(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Draw twice, print how far the pictures are from each other."""
    return anyio.run(_verify, parsed, config)


async def _verify(parsed: argparse.Namespace, config: Config) -> int:
    given = {name: getattr(parsed, name) for name in (*_FIELDS, *_WHOLE, "guidance_scale")}
    ask = {name: value for name, value in given.items() if value is not None}
    async with drawing.server(parsed, config) as client:
        try:
            chosen = await _chosen(client, parsed.model)
            done = [(model, await _one(client, model, ask, parsed.quiet)) for model in chosen]
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
    cli.say(_HEAD)
    for model, job in done:
        cli.say(_line(model, job))
    drawing.told([job for _, job in done if job["result"] is None])
    return 0 if all(job["result"] and job["result"]["same"] for _, job in done) else 1


async def _chosen(client: Client, name: str | None) -> list[dict[str, Any]]:
    if name is not None:
        return [await finding.find(client, name)]
    page = await client.call("GET", "/models?kind=checkpoint&limit=200")
    return [dict(model) for model in page["items"] if model["format"] == "diffusers"]


async def _one(
    client: Client, model: dict[str, Any], ask: dict[str, Any], quiet: bool
) -> dict[str, Any]:
    (job,) = await drawing.watched(client, f"/models/{model['id']}/verify", ask, quiet=quiet)
    return job


_HEAD = (
    f"{'model':<24} {'device':<8} {'format':<9} {'most':>5} {'mean':>9} {'differing':>9}"
    f" {'seconds':>8} {'diffusers':>9}  same"
)


def _line(model: dict[str, Any], job: dict[str, Any]) -> str:
    """Lay out one comparison: levels of 255, share of pixels, seconds of both."""
    found = job["result"]
    if found is None:
        return f"{model['name'][:24]:<24} {job['status']}"
    return (
        f"{model['name'][:24]:<24} {found['device']:<8} {found['dtype']:<9} {found['max']:>5}"
        f" {found['mean']:>9.5f} {found['differing']:>9.2%} {found['seconds']:>8.2f}"
        f" {found['pipeline_seconds']:>9.2f}  {'yes' if found['same'] else 'NO'}"
    )
