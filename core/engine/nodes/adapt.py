"""Adapters on a checkpoint. Loads nothing; they are merged when the parts are first used."""

import math
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct, structs

from core.engine.context import Context
from core.engine.node import Lora, LoraPrompt, Node
from core.engine.values import Model, TextEncoder
from core.errors import Invalid
from core.graph.catalogue import Resource
from core.graph.prompts import grammar

Adapters = tuple[tuple[str, str, float], ...]


class Strength(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An adapter, and how strongly it is applied."""

    model: Annotated[Lora, Meta(min_length=1, max_length=512, description="Id or name of a LoRA.")]
    weight: Annotated[
        float, Meta(ge=-10, le=10, description="1 is as it was trained; 0 is without it.")
    ] = 1.0


class Adapted(NamedTuple):
    """The parts that adapters are on."""

    model: Model
    text_encoder: TextEncoder


class ModelAdapt(Node, tag="model.adapt"):
    """Put LoRAs and their relatives on a checkpoint, in any number."""

    loras: Annotated[
        tuple[Strength, ...], Meta(max_length=64, description="Which, and how strongly.")
    ] = ()
    prompt: Annotated[
        LoraPrompt, Meta(description="Those that <lora:name:0.8> names are put on as well.")
    ] = ""

    def run(self, ctx: Context, model: Model, text_encoder: TextEncoder) -> Adapted:
        """Name both parts with their adapters; what is named twice is added up."""
        tags = grammar.read(self.prompt).loras
        uses = [(use.model, use.weight, use.weight) for use in self.loras]
        uses += [(tag.name, tag.weight if tag.text is None else tag.text, tag.weight)
                 for tag in tags]  # fmt: skip
        found = [(self._known(ctx, name, model.family), te, unet) for name, te, unet in uses]
        return Adapted(
            structs.replace(model, adapters=_added(model.adapters, [(a, u) for a, _, u in found])),
            structs.replace(
                text_encoder, adapters=_added(text_encoder.adapters, [(a, t) for a, t, _ in found])
            ),
        )

    def _known(self, ctx: Context, name: str, family: str) -> Resource:
        known = ctx.resource(name, "lora")
        if known.family not in (None, "", "unknown", family):
            raise Invalid("model_wrong_family", name=name, family=known.family, wanted=family)
        return known


def _added(before: Adapters, more: list[tuple[Resource, float]]) -> Adapters:
    """Add up the weights of each adapter; sorted, so that the order of the wish is no difference.

    What comes to 0 is left out.
    """
    weights: dict[str, list[float]] = {}
    paths: dict[str, str] = {}
    given = [*before, *((one.identity, one.path, weight) for one, weight in more)]
    for identity, path, weight in given:
        weights.setdefault(identity, []).append(weight)
        paths.setdefault(identity, path)
    summed = {identity: math.fsum(some) for identity, some in weights.items()}
    return tuple((identity, paths[identity], summed[identity]) for identity in sorted(summed)
                 if summed[identity])  # fmt: skip
