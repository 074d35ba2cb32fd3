"""Publishing: trained weights become models where models are made; the server puts them in place.

What a snapshot holds is enough: the base is read, and nothing is trained again. Knows files; when
it is published, and what of, is the run's knowledge.
"""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch

from core.engine.tasks import tensors
from core.engine.tasks.convert import NoRoom
from core.engine.tasks.tensors import Tick
from core.engine.train.export import metadata
from core.engine.train.export.folder import lazy, write
from core.engine.train.export.metadata import About, about
from core.errors import DiskFull, ModelUnreadable
from core.records.task import MadeModel

__all__ = ["About", "about", "published"]

SPARE = 64 << 20  # bytes of the disk that stay free

Weights = Mapping[str, Mapping[str, torch.Tensor]]


def published(
    weights: Weights, told: About, making: Path, tick: Tick = lambda count: None
) -> list[MadeModel]:
    """Write models of trained weights into ``making``, synced and hashed; names begin with the job.

    Networks become a folder in diffusers' layout, whose unchanged parts are the base's; small
    matrices one file with kohya's names; each learned token a file, named by its word.

    :param weights: as ``Trained.weights`` gives them, or a snapshot's: in RAM.
    :param tick: called with bytes that were written; may raise, then nothing is left.
    :raises NoRoom: when the disk has less room than they need.
    :raises ModelUnreadable: when the base is broken, or gone.
    """
    needed = sum(one.nbytes for file in weights.values() for one in file.values())
    free = shutil.disk_usage(making).free
    if free < needed + SPARE:
        raise NoRoom(needed=needed, free=free)
    made: list[MadeModel] = []
    done = False
    try:
        for file, content, path in _files(weights, told, making):
            made.append(_written(file, content, told, path, tick))
        networks = {name: one for name, one in weights.items() if not _single(name)}
        if networks:
            made.append(write(networks, told, making / told.job, tick))
        done = True
    except (ValueError, KeyError, OSError) as error:
        if isinstance(error, OSError) and DiskFull.caused(error):
            raise NoRoom(needed=needed, free=0) from error
        raise ModelUnreadable(
            model=told.base.name or Path(told.base.path).name, reason=str(error)[:500]
        ) from error
    finally:
        if not done:
            for path in making.glob(f"{told.job}*"):
                _removed(path)
    return made


def _files(
    weights: Weights, told: About, making: Path
) -> list[tuple[str, Mapping[str, torch.Tensor], Path]]:
    """List what becomes a file of its own: the LoRA first, which the model's name is of."""
    names = sorted(
        (name for name in weights if _single(name)), key=lambda one: (one != "lora", one)
    )
    return [
        (
            name,
            weights[name],
            making / f"{told.job}{'' if not place else f'-{place}'}.safetensors",
        )
        for place, name in enumerate(names)
    ]


def _written(
    file: str, content: Mapping[str, torch.Tensor], told: About, path: Path, tick: Tick
) -> MadeModel:
    kind, name = "lora", told.name
    if file != "lora":
        # A prompt names an embedding as its model is named, so it has to be the word itself.
        kind, name = "textual-inversion", told.subjects[int(file.rpartition("-")[2])].token
    said = metadata.of_file(told, content, kind, name)
    one = tensors.write(path, "", lazy(content), said, tick)
    return MadeModel(path=path.name, name=name, files=[one])


def _single(name: str) -> bool:
    return name == "lora" or name.startswith("embedding-")


def _removed(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
