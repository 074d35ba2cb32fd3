"""From where models are made to the library: checked, renamed and synced before any row says so.

File first, row last. Sync; meant for a worker thread. Knows no database.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from core import failpoint
from core.blobs import sync_folder
from core.errors import DiskFull, HeliographError, JobError
from core.library import made as origin
from core.library import scan
from core.library.scan import Found
from core.naming import folded, numbered, safe
from core.paths import Layout
from core.records.task import MadeModel
from core.store.work import NewModel

_MADE = ("checkpoint", "lora", "embedding")  # kinds of models that jobs make
ROOT = "models"  # label of the folder that made models go to


class ModelDamaged(JobError):
    """Raised when a made model is missing or not what the engine said; params: file."""

    code = "model_damaged"


def place(layout: Layout, made: Sequence[MadeModel], job: str) -> list[NewModel]:
    """Check models that were made and move each to its place; when this returns they are there.

    When it raises nothing of them is left. One that an earlier attempt of the same job put there,
    and of which no row speaks, is replaced.

    :raises ModelDamaged: for a file that is missing or not what the engine said, and for what is
        not found to be a model.
    :raises DiskFull: when there is no room for its name.
    """
    placed: list[NewModel] = []
    try:
        for one in made:
            source = _checked(layout.making, one)
            target = _free(layout.models, one, source.suffix if source.is_file() else "", job)
            failpoint.hit("save.rename")
            os.replace(source, target)
            placed.append(_row(layout, target, one))
        if placed:
            failpoint.hit("save.folder")
            sync_folder(layout.models)
    except (OSError, HeliographError) as error:
        remove(layout, placed)
        sweep(layout, job)
        if isinstance(error, OSError) and DiskFull.caused(error):
            raise DiskFull from error
        name = Path(getattr(error, "filename", "") or "").name
        raise error if isinstance(error, ModelDamaged) else ModelDamaged(file=name) from error
    return placed


def is_taken(layout: Layout, name: str, single: bool) -> bool:
    """Say whether a file or folder has the name of a model that is to be made."""
    wanted = folded(f"{name}.safetensors" if single else name)
    return any(folded(entry) == wanted for entry in os.listdir(layout.models))


def remove(layout: Layout, placed: Sequence[NewModel]) -> None:
    """Delete models that no row speaks of."""
    for one in placed:
        _delete(layout.models / one.file)


def sweep(layout: Layout, job: str) -> None:
    """Delete what a job left where models are made."""
    for path in layout.making.glob(f"{job}*"):
        _delete(path)


def _checked(folder: Path, one: MadeModel) -> Path:
    """See that each file is there in its full size, and that weights have a sound header."""
    failpoint.hit("save.check")
    path = folder / one.path
    if Path(one.path).name != one.path:
        raise ModelDamaged(file=one.path)  # never a path of its own choosing
    for file in one.files:
        place = path / file.name if file.name else path
        if not place.is_file() or place.stat().st_size != file.size:
            raise ModelDamaged(file=file.name or one.path)
    found = scan.examine(path)
    if found is None or found.kind not in _MADE:
        raise ModelDamaged(file=one.path)
    return path


def _free(folder: Path, one: MadeModel, suffix: str, job: str) -> Path:
    """Find a name that nothing has, or that an earlier attempt of the job has."""
    name = safe(one.name, "model")
    taken = {folded(entry) for entry in os.listdir(folder)}
    wanted = folder / f"{name}{suffix}"
    if folded(wanted.name) in taken and origin.made_by(wanted) == job:
        _delete(wanted)
        taken.discard(folded(wanted.name))
    return folder / numbered(name, suffix, taken)


def _row(layout: Layout, path: Path, one: MadeModel) -> NewModel:
    found = scan.examine(path, ROOT, layout.models)
    if found is None:
        raise ModelDamaged(file=one.path)
    return row_of(found, origin.digest(one.files))


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def row_of(found: Found, sha256: str | None = None) -> NewModel:
    """Write a find as the store takes it.

    :param sha256: of its content, if that is known.
    """
    return NewModel(
        name=found.name, kind=found.kind, family=found.family, format=found.format,
        root=found.label, file=found.file, bytes=found.bytes, changed=int(found.mtime * 1000),
        identity=found.identity, defaults=found.defaults, source=Path(found.label).name,
        sha256=sha256, variant=found.variant or None, edition=found.edition or None,
        trigger=found.said.trigger, description=found.said.description,
        trigger_words=found.said.trigger_words, metadata=found.said.facts,
        licence=found.said.licence, link=found.said.link, stamp=found.stamp, inode=found.inode,
    )  # fmt: skip
