"""Models: naming the parts of a checkpoint. Loads nothing; parts are read when first used."""

from typing import Annotated, NamedTuple, TypeVar

from msgspec import Meta

from core.engine.context import Context
from core.engine.models.families import family_of
from core.engine.node import Checkpoint, Node
from core.engine.values import Model, TextEncoder, Vae


class Parts(NamedTuple):
    """The parts of a checkpoint."""

    model: Model
    text_encoder: TextEncoder
    vae: Vae


H = TypeVar("H", TextEncoder, Vae)


def sibling(model: Model, kind: type[H]) -> H:
    """Name another part of the checkpoint that the denoiser is of.

    Adapters that the denoiser has are on the text encoder as well.
    """
    adapters = model.adapters if kind is TextEncoder else ()
    return kind(
        identity=model.identity, path=model.path, family=model.family, format=model.format,
        adapters=adapters,
    )  # fmt: skip


class ModelLoad(Node, tag="model.load"):
    """Take the denoiser, the text encoder and the autoencoder of a checkpoint."""

    checkpoint: Annotated[Checkpoint, Meta(description="Id or name of a checkpoint.")]

    def run(self, ctx: Context) -> Parts:
        """Name the parts; nothing is read from disk yet."""
        found = ctx.resource(self.checkpoint, "checkpoint")
        family = found.family or ""
        family_of(family, found.name or self.checkpoint)
        layout = found.format or "diffusers"
        model = Model(identity=found.identity, path=found.path, family=family, format=layout)
        return Parts(model, sibling(model, TextEncoder), sibling(model, Vae))
