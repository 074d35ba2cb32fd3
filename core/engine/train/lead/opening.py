"""Opening: the parts of the base that a run needs, pinned in residency for as long as it does.

They are the parts that pictures are drawn with, shared and never changed. Knows no recipe; what
becomes of the parts is a method's knowledge.
"""

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from msgspec import structs
from torch import nn

from core.engine.context import Engine, Job
from core.engine.models import load
from core.engine.models.families import MODEL, VAE, family_of
from core.engine.train.methods import Base
from core.engine.values import Handle, Model, TextEncoder, Vae
from core.graph.catalogue import Resource
from core.ipc.commands import Quantize

_PRECISE = torch.float32


class Opening:
    """The parts of one base.

    :param precise: whether what is trained itself is read in float32, whatever the device works in.
    :param narrow: how the weights of a frozen denoiser are kept; ``None``: as pictures have them.
    """

    def __init__(
        self,
        engine: Engine,
        job: Job,
        source: Resource,
        *,
        precise: bool,
        narrow: Quantize | None = None,
    ) -> None:
        self.family = family_of(source.family or "", source.name)
        self._engine = engine
        self._job = job
        self._source = source
        self._precise = precise and engine.device.dtype != _PRECISE
        # Not said where it is the same, since pictures are drawn with the very same part.
        self._narrow = None if narrow == engine.options.quantize else narrow
        self._held: dict[str, ExitStack] = {}

    @contextmanager
    def opened(self) -> Iterator["Opening"]:
        """Let go of all parts at the end."""
        try:
            yield self
        finally:
            self.keep(())

    @property
    def encoders(self) -> list[str]:
        """Name the text encoders that the base has."""
        return [
            one.part for one in self.family.towers
            if not one.optional or load.present(self.handle(one.part))
        ]  # fmt: skip

    def handle(self, part: str) -> Handle:
        """Name a part as nodes do."""
        kind: type[Handle] = {MODEL: Model, VAE: Vae}.get(part, TextEncoder)
        source = self._source
        return kind(
            identity=source.identity, path=source.path, family=source.family or "", part=part,
            format=source.format or "diffusers", stamp=source.stamp,
        )  # fmt: skip

    def base(self) -> Base:
        """Pin denoiser and text encoders, and give them; the autoencoder is used on its own.

        :raises ModelUnreadable: when one cannot be read.
        :raises OutOfMemory: when one does not fit.
        """
        denoiser: Any = self._pinned(MODEL)
        return Base(
            family=self.family,
            name=self._source.family or "",
            denoiser=denoiser,
            encoders={part: self._pinned(part) for part in self.encoders},
            vae=None,
            scheduler_config=dict(denoiser.scheduler_config),
        )

    def keep(self, parts: Collection[str]) -> None:
        """Let go of all parts but these."""
        for part in [part for part in self._held if part not in parts]:
            self._held.pop(part).close()

    @contextmanager
    def lent(self, part: str) -> Iterator[nn.Module]:
        """Pin a part as pictures are drawn with it, for the block; without the device."""
        with self._engine.residency.use(self.handle(part), self._job) as module:
            yield module

    def config(self, part: str) -> dict[str, Any]:
        """Read the configuration of a part, and nothing else of it."""
        return load.config_of(self.handle(part))

    def _pinned(self, part: str) -> nn.Module:
        narrow = self._narrow if part == MODEL else None
        handle = structs.replace(self.handle(part), precise=self._precise, narrow=narrow)
        self._held[part] = ExitStack()
        return self._held[part].enter_context(self._engine.residency.use(handle, self._job))
