"""Whether what was fetched is a model that may be kept, before it gets its place among the others.

Every file is looked at, by content. Knows no network and no database.
"""

import json
import os
import shutil
from pathlib import Path

from core import naming
from core.blobs import sync_folder
from core.errors import Invalid, UnsupportedType
from core.library import choosing, configs, examine, header, sniffing
from core.library.examine import Found

_MAX_CONFIG = 1 << 20  # bytes; larger texts are vocabularies
INCOMING = ".incoming"  # in the models folder, so that a rename ends an install


def inspect(path: Path, label: str = "", root: Path | None = None) -> Found:
    """Look at a file or folder and tell what model it is.

    :param root: the folder of models of that label, below which it lies.

    :raises UnsupportedType: ``model_format_unsafe``.
    :raises Invalid: ``safetensors_invalid``, ``model_config_not_allowed``,
        ``model_config_invalid``, ``model_unrecognised``.
    :raises OSError: when it cannot be read.
    """
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    for file in files:
        _look(file, single=not path.is_dir())
    found = examine.examine(path, label, root)
    if found is None:
        raise Invalid("model_unrecognised")
    return found


def suffix_of(path: Path) -> str:
    """Tell the suffix of a file of weights from its first bytes.

    :raises UnsupportedType: as ``sniffing.suffix_of``.
    :raises Invalid: likewise.
    """
    with open(path, "rb") as file:
        return sniffing.suffix_of(file.read(sniffing.ENOUGH))


def free_place(staged: Path, models: Path, name: str) -> Path:
    """Name a place in the models folder that is not taken."""
    extension = "" if staged.is_dir() else staged.suffix
    taken = {naming.folded(entry.name) for entry in os.scandir(models)}
    return models / naming.numbered(name, extension, taken)


def sync_tree(folder: Path) -> None:
    """Bring every folder of a tree to the disk; the files in it are synced already."""
    for place, _, _ in os.walk(folder):
        sync_folder(Path(place))


def drop(path: Path) -> None:
    """Delete a file or a folder, if it is there; what a link leads to stays."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _look(file: Path, *, single: bool) -> None:
    if single or file.name.lower().endswith(choosing.WEIGHTS):
        if suffix_of(file) == ".safetensors":
            header.read_header(file)
        return
    if file.name.lower().endswith(choosing.PICKLES):
        raise UnsupportedType("model_format_unsafe")
    if file.suffix != ".json" or file.stat().st_size > _MAX_CONFIG:
        return
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise Invalid("model_config_invalid", file=file.name, reason="unreadable") from error
    said = [name for name in configs.CODE if isinstance(content, dict) and content.get(name)]
    if said:
        raise Invalid("model_config_not_allowed", what=f"{file.name}: {said[0]}")
