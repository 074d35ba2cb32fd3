"""Sweeps on the command line: ``--sweep seed=1..5``, and the sheet that shows what came of them.

What a value means is the server's business; here texts become the axes of a request.
"""

import argparse
import json
import logging
import re
from pathlib import Path
from typing import Any

import anyio

from server import cli
from server.client import Client

_SECONDS = 1200.0  # that a sheet may take: longer than the server lets the largest
_RUN = re.compile(
    r"(-?[\d.]+(?:e-?\d+)?)\.\.(-?[\d.]+(?:e-?\d+)?)(?::(-?[\d.]+(?:e-?\d+)?))?", re.I
)
_KINDS = {"random": "random", "board": "board", "folder": "folder"}
_FORMATS = {".jpg": "jpeg", ".jpeg": "jpeg", ".webp": "webp"}  # PNG for any other suffix


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the flags of sweeps."""
    command.add_argument(
        "--sweep", action="append", type=axis, default=[], metavar="SETTING=VALUES",
        help="vary a setting: seed=1..5, seed=random:3, steps=10,20, sampler=euler,ddim,"
        " prompt:fox=fox,owl, init_image=board:ID; may be given several times",
    )  # fmt: skip
    command.add_argument(
        "--zip", action="store_true", help="take the values of all sweeps side by side"
    )
    command.add_argument("--sheet", default="", help="file for a contact sheet of all pictures")
    command.add_argument(
        "--dynamic", dest="dynamic_prompts", choices=("random", "combinatorial"),
        help="choose from {a|b} and __wildcard__ in the prompts",
    )  # fmt: skip


def axis(text: str) -> dict[str, Any]:
    """Read ``setting=values``; with ``setting:text=values`` the values take the place of the text.

    :raises argparse.ArgumentTypeError: when it is neither.
    """
    name, found, values = text.partition("=")
    setting, _, replaced = name.partition(":")
    if not found or not setting.strip() or not values.strip():
        raise argparse.ArgumentTypeError(f"{text!r} is not SETTING=VALUES")
    made: dict[str, Any] = {"setting": setting.strip(), "values": _values(values.strip())}
    return made | ({"replace": replaced} if replaced else {})


def body(fields: dict[str, Any], parsed: argparse.Namespace) -> dict[str, Any]:
    """Make the request of a sweep; its recipe is the one that ``generate`` would choose."""
    from core.graph.recipes import ROOM, Generate, choose

    swept = {one["setting"]: "swept" for one in parsed.sweep if "replace" not in one}
    known: dict[str, Any] = {
        name: fields.get(name) or swept.get(name) for name in ("init_image", "mask_image")
    }
    known |= {name: value for name, value in fields.items() if name in ROOM}
    recipe = choose(Generate(prompt=fields["prompt"], **known))
    mode = "zip" if parsed.zip else "product"
    return {"recipe": {"name": recipe, **fields}, "sweep": {"mode": mode, "axes": parsed.sweep}}


async def sheet(client: Client, batch: str, file: str) -> None:
    """Ask for the sheet of a batch, and write it."""
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # a worker that ends with the loop
    path = Path(file) if Path(file).suffix else Path(f"{file}.png")
    made = await client.call("POST", f"/batches/{batch}/sheet", {}, seconds=_SECONDS)
    data = await client.picture(made["id"], _FORMATS.get(path.suffix.lower(), "png"))
    await anyio.Path(path).write_bytes(data)
    cli.say(str(path))


def _values(text: str) -> Any:
    kind, found, rest = text.partition(":")
    if found and kind in _KINDS:
        return {_KINDS[kind]: _plain(rest) if kind == "random" else rest}
    if run := _RUN.fullmatch(text):
        numbers = {
            name: _plain(run[n]) for n, name in enumerate(("start", "stop", "step"), 1) if run[n]
        }
        if all(isinstance(number, int | float) for number in numbers.values()):
            return numbers
    if text.startswith("["):
        try:
            return json.loads(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(f"{text!r} is not JSON") from error
    return [_plain(part.strip()) for part in text.split(",")]


def _plain(text: str) -> Any:
    """Read a number, true, false or null as what it is; all else is a text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if value is None or isinstance(value, bool | int | float) else text
