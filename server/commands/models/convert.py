"""``heliograph models convert``: a model written anew, or weights taken out of an old pickle.

The first is a job of the running server, or of one of its own for as long as it takes. A pickle is
read here, by a process of its own, and never over a network.
"""

import argparse
from pathlib import Path
from typing import Any

import anyio

from core.config import Config
from core.errors import HeliographError
from server import cli
from server.commands import drawing
from server.commands.models import finding

_DTYPES = {
    "fp32": "float32", "fp16": "float16", "bf16": "bfloat16", "fp8": "float8_e4m3fn",
}  # fmt: skip


def arguments(command: argparse.ArgumentParser) -> None:
    """Add what is converted, and to what."""
    command.add_argument("model", nargs="?", help="id, name or hash of a checkpoint")
    command.add_argument("--to", choices=("diffusers", "single"), help="a folder or a single file")
    command.add_argument(
        "--dtype", dest="weights", choices=(*_DTYPES, *_DTYPES.values()),
        help="number format of the weights",
    )  # fmt: skip
    command.add_argument(
        "--merge", action="append", default=[], type=_lora, metavar="LORA[:WEIGHT]",
        help="a LoRA that becomes part of it; again for several",
    )  # fmt: skip
    command.add_argument("--name", help="of the new model")
    command.add_argument(
        "--from-pickle", type=Path, metavar="FILE",
        help="read an old .pt, .pth, .ckpt or .bin on this machine, and write its weights",
    )  # fmt: skip
    command.add_argument("-o", "--output", type=Path, help="file to write, for --from-pickle")
    drawing.arguments(command, without=("dtype",))


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Convert, show how far it is, print the name of what was made."""
    if parsed.from_pickle is not None:
        return _unpickle(parsed.from_pickle, parsed.output)
    if parsed.model is None:
        raise HeliographError("model_or_pickle")
    return anyio.run(_convert, parsed, config)


def _unpickle(source: Path, output: Path | None) -> int:
    from core.library import pickles

    target = output or source.with_suffix(".safetensors")
    try:
        found = pickles.unpickle(source, target)
    except OSError as error:
        reason = error.strerror or ""
        raise HeliographError("pickle_refused", file=source.name, reason=reason) from error
    cli.say(f"{target}  {found.kind}  {found.family}")
    return 0


async def _convert(parsed: argparse.Namespace, config: Config) -> int:
    wanted: dict[str, Any] = {
        "layout": parsed.to,
        "dtype": _DTYPES.get(parsed.weights, parsed.weights),
        "loras": [{"model": name, "weight": weight} for name, weight in parsed.merge],
        "name": parsed.name,
    }
    async with drawing.server(parsed, config) as client:
        try:
            model = await finding.find(client, parsed.model)
            path = f"/models/{model['id']}/convert"
            (job,) = await drawing.watched(client, path, {"to": wanted}, quiet=parsed.quiet)
            drawing.told([job])
            if job["status"] != "succeeded":
                return 1
            made = await client.call("GET", f"/models/{job['result']['model']}")
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
    cli.say(f"{made['id']}  {made['bytes'] / 1e6:,.0f} MB  {made['name']}")
    return 0


def _lora(text: str) -> tuple[str, float]:
    """Read ``name`` or ``name:0.8``; a name may hold colons itself."""
    name, colon, weight = text.rpartition(":")
    try:
        return (name, float(weight)) if colon else (text, 1.0)
    except ValueError:
        return text, 1.0
