"""Exporting: a published model as a file for other programs, beside the model itself."""

from pathlib import Path
from typing import Literal

from core.engine.adapters.files import AdapterFile
from core.engine.tasks import parts, tensors
from core.engine.tasks.tensors import Tick
from core.engine.train.export import peft
from core.engine.train.export.folder import lazy
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource
from core.library.header import read_header
from core.records.task import MadeFile

Format = Literal["diffusers", "kohya", "single"]
_OURS = ("modelspec.hash_sha256",)  # of the names that the tensors had


def exported(
    source: Path, format_: Format, target: Path, base: Resource, tick: Tick = lambda count: None
) -> MadeFile:
    """Write a model for other programs into one file, synced and hashed.

    A LoRA is published with kohya's names, and written anew with diffusers'. A folder in diffusers'
    layout becomes a single file. What is in the wanted form already is copied as it is.

    :param source: a published LoRA, or a folder in diffusers' layout.
    :param target: a file that is not there yet.
    :param base: what a LoRA was made for.
    :raises ModelUnreadable: ``export_unsupported`` for a model that has no such form; or as what
        it is made of.
    :raises OSError: when the disk refuses.
    """
    if source.is_dir():
        if format_ != "single":
            raise _none(source, format_)
        checkpoint = parts.opened(str(source), "diffusers", base.family or "", tick)
        whole = parts.as_original(checkpoint, base.family or "")
        return tensors.write(target, "", whole, {"format": "pt"}, tick)
    if format_ == "single":
        raise _none(source, format_)
    said = read_header(source).metadata
    if format_ == "kohya":
        file = tensors.WeightFile(source, tick)
        return tensors.write(target, "", {n: file.lazy(n) for n in file.header.tensors}, said, tick)
    checkpoint = parts.opened(base.path, base.format, base.family or "", tick)
    made = peft.renamed(AdapterFile(str(source)), checkpoint, base.family or "")
    told = {name: text for name, text in said.items() if name not in _OURS}
    return tensors.write(target, "", lazy(made), told, tick)


def _none(source: Path, format_: str) -> ModelUnreadable:
    return ModelUnreadable("export_unsupported", model=source.name, format=format_)
