"""Whole pipelines: all parts of one as residency keeps them, and pipelines that are made of them.

One part is moved, counted and sent away as a whole. Every run gets a pipeline of its own, with a
scheduler of its own: what a run leaves on them is no other's. Knows no files and no jobs.
"""

import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from core.engine.carrier import place_of
from core.engine.values import WHOLE, Handle


class Pipeline(Handle, frozen=True, kw_only=True):
    """All of a pipeline's parts together."""

    part: str = WHOLE


class Whole(nn.Module):
    """A pipeline's parts: the networks are submodules; tokenizers and schedulers lie beside them.

    :param kind: diffusers' class, whose siblings are made of the same parts.
    :param parts: by the names that the class gives them.
    :param options: further arguments of the class.
    """

    def __init__(self, kind: Any, parts: Mapping[str, Any], options: Mapping[str, Any]) -> None:
        super().__init__()
        self.networks = nn.ModuleDict(
            {name: part for name, part in parts.items() if isinstance(part, nn.Module)}
        )
        self.kind = kind
        self.parts = dict(parts)
        self.options = dict(options)

    @property
    def offloaded(self) -> bool:
        """Say whether the weights lie in RAM and visit the device block by block."""
        return "_offloaded" in self.__dict__

    @property
    def autoencoder(self) -> Any:
        """Give what makes pixels of latents; None where the pipeline has none."""
        return self.parts.get("vae") or self.parts.get("movq")

    def made(self, kind: Any = None) -> Any:
        """Make a pipeline of these parts, which works where they do.

        :param kind: a sibling's class; the pipeline's own where there is none.
        :raises ValueError: when a part is missing.
        """
        kind = kind or self.kind
        names, options = kind._get_signature_keys(kind)
        signature = inspect.signature(kind.__init__).parameters
        given = {name: self.options[name] for name in options if name in self.options}
        for name in names:
            part = self.parts.get(name)
            if part is not None:
                given[name] = copy.deepcopy(part) if hasattr(part, "set_timesteps") else part
            elif signature[name].default is inspect.Parameter.empty:
                if name not in (*kind._optional_components, *_UNLOADED):
                    raise ValueError(f"{kind.__name__} needs its {name}")
                given[name] = None
        if "requires_safety_checker" in signature:
            given["requires_safety_checker"] = False
        pipeline = kind(**given)
        pipeline.set_progress_bar_config(disable=True)
        for one in (pipeline, *_inner(pipeline)):
            one.__class__ = self._placed(type(one))
        return pipeline

    def _placed(self, kind: Any) -> Any:
        """Derive a class whose pipelines work where this does, also while it is offloaded."""
        where = property(lambda _: self._place())
        return type(kind.__name__, (kind,), {"_execution_device": where, "device": where})

    def _place(self) -> torch.device:
        return place_of(self)


_UNLOADED = ("safety_checker", "feature_extractor", "image_encoder")


def _inner(pipeline: Any) -> list[Any]:
    """List the pipelines that a combined one calls."""
    from diffusers import DiffusionPipeline

    return [one for one in vars(pipeline).values() if isinstance(one, DiffusionPipeline)]
