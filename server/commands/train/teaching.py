"""Folders of pictures, uploaded as datasets; what is refused is told, with the reason."""

import contextlib
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from rich.console import Console
from rich.progress import Progress

from core.errors import HeliographError
from server import cli, taught_folders
from server.client import Client
from server.taught_folders import Folder, Lying

_MAX_HEADER = 4_000  # characters of a caption that goes as a header
_SHOWN = 20  # refused files that are told by name


async def opened(path: str) -> Folder:
    """Look at a folder.

    :raises HeliographError: ``folder_not_found``, ``folder_too_large``.
    """
    return await anyio.to_thread.run_sync(taught_folders.look, path)


async def uploaded(client: Client, folder: Folder, *, quiet: bool) -> str:
    """Make a dataset of a folder, say what was taken and what was not, give its id."""
    name = anyio.Path(folder.path).name or "pictures"
    dataset: str = (await client.call("POST", "/datasets", {"name": name[:100]}))["id"]
    listed = await anyio.to_thread.run_sync(taught_folders.told, folder)
    refused: list[tuple[str, str]] = []
    with Progress(console=Console(stderr=True), transient=True, disable=quiet) as bar:
        task = bar.add_task("uploading", total=len(folder.files))
        for file in folder.files:
            lying = await anyio.to_thread.run_sync(taught_folders.read, folder, file, listed)
            made = await _sent(client, dataset, lying)
            if made is None:
                refused.append((lying.name, lying.code))
            elif "code" in made:
                refused.append((made["file"], made["message"] or made["code"]))
            bar.advance(task)
    found = await client.call("GET", f"/datasets/{dataset}")
    cli.say(_report(found, refused, folder))
    return dataset


async def forgotten(client: Client, subjects: list[dict[str, Any]]) -> None:
    """Delete datasets that nothing came of."""
    with anyio.CancelScope(shield=True), contextlib.suppress(HeliographError):
        for subject in subjects:
            await client.call("DELETE", f"/datasets/{subject['dataset']}")


async def _sent(client: Client, dataset: str, lying: Lying) -> dict[str, Any] | None:
    if lying.data is None:
        return None
    caption = quote(lying.caption.text or "")
    headers = {"x-filename": quote(lying.name)}
    if caption and len(caption) <= _MAX_HEADER:
        headers["x-caption"] = caption
    path = f"/datasets/{dataset}/images"
    made: dict[str, Any] = await client.upload(path, lying.data, headers)
    if len(caption) > _MAX_HEADER and "code" not in made:
        made = await client.call("PATCH", f"{path}/{made['id']}", {"caption": lying.caption.text})
    return made


def _report(found: dict[str, Any], refused: list[tuple[str, str]], folder: Folder) -> str:
    captioned = sum(one["caption"] is not None for one in found["kept"])
    lines = [f"{found['count']} pictures, {captioned} with captions"]
    lines += [f"  left out: {name}: {reason}" for name, reason in refused[:_SHOWN]]
    if len(refused) > _SHOWN:
        lines.append(f"  left out: {len(refused) - _SHOWN} more")
    if folder.folders:
        lines.append(f"  not looked into: {', '.join(folder.folders[:_SHOWN])}")
    return "\n".join(lines)
