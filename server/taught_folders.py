"""Folders of people who want to train: pictures, and the texts that lie beside them.

No link is followed and no folder inside is looked into; each file that is no text of a picture is
handed out, so that what is no picture can be told. Knows no rows.
"""

import os
from pathlib import Path

from msgspec import Struct

from core.records.training import Warned
from core.training import captions
from core.training.captions import Caption
from server import folders

MAX_FILES = 20_000  # names of one folder
MAX_FOLDERS = 100  # that are told
_PICTURES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".webp"})


class Folder(Struct, frozen=True, kw_only=True):
    """What lies in a folder."""

    path: str
    files: list[str]  # by name, without the texts of pictures
    texts: dict[str, list[str]]  # stem of a picture → files with its text, the first counts
    folders: list[str]  # inside
    listing: bool = False  # there is a metadata.jsonl


class Lying(Struct, frozen=True, kw_only=True):
    """A file as it was read: its bytes, or why there are none."""

    name: str
    data: bytes | None
    caption: Caption = Caption(None)
    code: str = "picture_damaged"


def look(path: str) -> Folder:
    """List a folder; links are files that cannot be read.

    :raises Invalid: ``folder_not_found``, ``folder_too_large``.
    """
    names: list[str] = []
    inside: list[str] = []
    try:
        with os.scandir(path) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_FILES:
                    raise folders.refused("folder_too_large", limit=MAX_FILES)
                known = inside if entry.is_dir(follow_symlinks=False) else names
                known.append(entry.name)
    except OSError as error:
        raise folders.refused("folder_not_found") from error
    stems = {Path(name).stem for name in names if Path(name).suffix.lower() in _PICTURES}
    texts: dict[str, list[str]] = {}
    for suffix in captions.SUFFIXES:
        for name in sorted(names):
            if Path(name).suffix.lower() == suffix and Path(name).stem in stems:
                texts.setdefault(Path(name).stem, []).append(name)
    beside = {name for found in texts.values() for name in found} | {captions.LISTING}
    return Folder(
        path=path,
        files=[each.name for each in sorted(map(Path, {*names} - beside), key=folders.order)],
        texts=texts,
        folders=[captions.filename(name) for name in sorted(inside)[:MAX_FOLDERS]],
        listing=captions.LISTING in names,
    )


def told(folder: Folder) -> dict[str, Caption]:
    """Read what the folder's ``metadata.jsonl`` says; nothing where it cannot be read."""
    if not folder.listing:
        return {}
    try:
        return captions.listed(folders.read(Path(folder.path) / captions.LISTING))
    except OSError:
        return {}


def read(folder: Folder, name: str, listed: dict[str, Caption]) -> Lying:
    """Read a file and the text beside it."""
    path = Path(folder.path) / name
    shown = captions.filename(name)
    if path.suffix.lower() in captions.SUFFIXES:
        return Lying(name=shown, data=None, code="caption_alone")
    try:
        data = folders.read(path)
    except OSError:
        large = path.is_file() and not path.is_symlink()
        code = "picture_too_large" if large and _size(path) > folders.MAX_BYTES else ""
        return Lying(name=shown, data=None, code=code or "picture_damaged")
    beside = folder.texts.get(path.stem, [])
    caption = _caption(Path(folder.path) / beside[0]) if beside else listed.get(name)
    return Lying(name=shown, data=data, caption=caption or Caption(None))


def _caption(path: Path) -> Caption:
    try:
        return captions.read(folders.read(path), path.suffix)
    except OSError:
        return Caption(None, (Warned(code="caption_unreadable"),))


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0
