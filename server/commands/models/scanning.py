"""``heliograph models scan|adopt|abandon``: folders of models, used in place."""

import argparse
import contextlib
from collections import Counter
from pathlib import Path

import anyio

from core.config import Config
from core.errors import HeliographError, Invalid, Params, Problem
from core.library import layouts, scan
from core.paths import Layout
from core.store import foreign
from server import cli
from server.actions.shelves import readable
from server.client import Client
from server.commands.models.listing import size
from server.whereabouts import running


def arguments(command: argparse.ArgumentParser) -> None:
    """Add which folder."""
    doc = "a folder: of models, or of AUTOMATIC1111, ComfyUI, InvokeAI, the Hugging Face cache"
    optional = {} if not command.prog.endswith("scan") else {"nargs": "?"}
    command.add_argument("path", type=Path, help=doc, **optional)  # type: ignore[arg-type]  # nargs


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print what a folder holds; or take it into the library, or out of it."""
    if parsed.action == "scan" and parsed.path is not None:
        return _show(_checked(parsed.path))
    return anyio.run(_change, parsed, config)


def _show(path: Path) -> int:
    program = layouts.of(path).program
    made = scan.look([(str(path), path)], pickles=True, names=foreign.names)
    cli.say(f"{path}: {program}, {len(made.found)} models")
    for one in made.found:
        told = f"{one.family} {one.edition}".rstrip()
        cli.say(
            f"  {one.kind:<12} {told:<14} {size(one.bytes):>10}  {one.variant:<7} {one.name}"
            f"  ({one.file})"
        )
    for code, count in sorted(Counter(one.code for one in made.passed).items()):
        first = next(one for one in made.passed if one.code == code)
        params: Params = {"reason": first.reason, "model": first.file, "file": first.file}
        said = cli.told(f"errors.{code}", params) or code
        cli.say(f"  passed over: {count}, as {first.file}: {said}")
    return 0


async def _change(parsed: argparse.Namespace, config: Config) -> int:
    """Change the list of folders; a running server looks at them at once."""
    from core.store import roots
    from server.commands import opening

    layout = Layout(config.settings.data_dir)
    if parsed.path is not None:
        async with opening.database(layout) as db:
            if parsed.action == "adopt":
                path = _checked(parsed.path)
                await db.write(lambda tx: roots.add(tx, str(path)))
                cli.say(str(path))
            else:
                place = str(parsed.path.expanduser().absolute())
                held = {one.path: one.id for one in await db.read(roots.everything)}
                await db.write(lambda tx: roots.remove(tx, held.get(place, place)))
    await _tell(layout, config)
    return 0


async def _tell(layout: Layout, config: Config) -> None:
    found = running(layout)
    if found is None:
        cli.say("They are looked at when the server starts.")
        return
    async with Client(found.url, config.settings.token, language=cli.language()) as client:
        with contextlib.suppress(HeliographError):
            await client.call("POST", "/models/scan")
            return
    cli.say("They are looked at when the server is asked to scan, or starts.")


def _checked(path: Path) -> Path:
    """Give a folder that can be read.

    :raises Invalid: ``model_root_refused``.
    """
    path = path.expanduser().absolute()
    if not readable(path):
        raise Invalid(problems=(Problem(code="model_root_refused", pointer="/path"),))
    return path
