"""Checkpoints in one file: each part read alone, into the class that its folder would have.

Only the tensors of the part are read. Knows files; layouts are known to ``original``.
"""

from pathlib import Path

import torch
from torch import nn

from core.engine.models import gguf, modules, single, stamps, tokens
from core.engine.models.families import CONTROLNET, MODEL, Part
from core.engine.models.original.schedule import schedule
from core.engine.models.original.shapes import Json
from core.engine.models.original.table import TABLE, Original, facts
from core.engine.models.weights import Weights
from core.engine.values import Handle
from core.errors import ModelUnreadable

GGUF = "gguf"  # the format of files that are packed


class SingleFile:
    """One part in a file, or in the shards that a file is the first of.

    :raises ModelUnreadable: model_changed; format_unsupported for a part that no file is read for;
        model_part_missing where the file does not have it.
    """

    def __init__(self, handle: Handle, part: Part) -> None:
        self._handle, self._part = handle, part
        self._path = Path(handle.path)
        name = self._path.name
        self._packed = handle.format == GGUF
        row = TABLE.get(handle.family, {}).get(handle.part)
        if row is None and (self._packed or handle.part != CONTROLNET):
            raise ModelUnreadable("format_unsupported", model=name, format=handle.format)
        if row is not None and self._packed and not row.packs:
            raise ModelUnreadable("model_part_missing", model=name, part=handle.part)
        files = stamps.files_of(handle)
        self._weights: Weights | gguf.GgufWeights = (
            gguf.GgufWeights(files[0], name) if self._packed else Weights(files, name)
        )
        self._config: Json | None = None
        if row is None:
            self._names = {name: name for name in self._weights.names}
            return
        self._row: Original = row
        self._facts = facts(handle.family).get(handle.part, {})
        self._names = row.find(self._weights)
        if not self._names:
            raise ModelUnreadable("model_part_missing", model=name, part=handle.part)

    def size(self, dtype: torch.dtype) -> int:
        """Count the bytes the part will take."""
        return self._weights.bytes(self._names, dtype)

    def config(self) -> Json:
        """Give the part's configuration, which its names and shapes tell.

        :raises ValueError: for a layout that nobody knows.
        :raises KeyError: when weights are missing.
        """
        if self._config is None:
            outlines = self._weights.outlines(self._names)
            if self._handle.part == CONTROLNET:
                self._config = single.controlnet(outlines, self._part.single or {})[0]
            else:
                self._config = self._row.config(self._row.named(outlines, self._facts), self._facts)
        return self._config

    def scheduler(self) -> Json:
        """Give the configuration of the scheduler that a denoiser was made with."""
        told = facts(self._handle.family)
        return schedule(self._path, self._weights, self._names, told, self.config())

    def read(self, dtype: torch.dtype) -> nn.Module:
        """Read the part.

        :raises ValueError: when weights are missing or of other shapes.
        :raises KeyError: likewise.
        :raises ModelUnreadable: model_nonfinite.
        """
        config = self.config()
        tensors = self._weights.read(self._names, dtype)
        if self._handle.part == CONTROLNET:
            _, named = single.controlnet(tensors, self._part.single or {})
            return modules.of_diffusers(self._part.kind, config, named)
        named = self._row.named(tensors, self._facts)
        del tensors  # converters copy some: the first ones go as their copies come
        if self._packed:
            module = gguf.module_of(self._part.library, self._part.kind, config, named, dtype)
        elif self._part.library == "diffusers":
            module = modules.of_diffusers(self._part.kind, config, named)
        else:
            module = modules.of_transformers(self._part.kind, config, named)
        if self._handle.part == MODEL:
            object.__setattr__(module, "scheduler_config", self.scheduler())
        if "tokenizer" in self._facts:
            object.__setattr__(module, "tokenizer", tokens.shipped_with(self._facts, config))
        return module
