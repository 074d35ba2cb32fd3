"""Models: naming the parts of a checkpoint. Loads nothing; parts are read when first used."""

from typing import Annotated, NamedTuple, TypeVar

from msgspec import Meta

from core.engine import separate
from core.engine.context import Context
from core.engine.models.families import family_of
from core.engine.node import Checkpoint, Node, TextEncoderFile, VaeFile
from core.engine.values import Model, TextEncoder, Vae, placed
from core.graph.catalogue import OnTop
from core.graph.separate import PARTS


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
    made = kind(
        identity=model.identity, path=model.path, family=model.family, format=model.format,
        adapters=adapters, stamp=model.stamp, elsewhere=model.elsewhere,
    )  # fmt: skip
    return placed(made) if kind is Vae else made  # an encoder is to know where the others lie


class ModelLoad(Node, tag="model.load"):
    """Take the denoiser, the text encoder and the autoencoder of a checkpoint.

    What has a file or folder of its own is taken from there.
    """

    checkpoint: Annotated[Checkpoint, Meta(description="Id or name of a checkpoint.")]
    vae: Annotated[
        VaeFile | None, Meta(description="Id or name of an autoencoder; null: the checkpoint's.")
    ] = None
    text_encoder: Annotated[
        TextEncoderFile | None, Meta(description="The first text encoder, likewise.")
    ] = None
    text_encoder_2: Annotated[
        TextEncoderFile | None, Meta(description="The second text encoder, likewise.")
    ] = None
    text_encoder_3: Annotated[
        TextEncoderFile | None, Meta(description="The third text encoder, likewise.")
    ] = None

    def run(self, ctx: Context) -> Parts:
        """Name the parts; nothing is read from disk yet."""
        found = ctx.resource(self.checkpoint, "checkpoint")
        family = found.family or ""
        family_of(family, found.name or self.checkpoint)
        layout = found.format or "diffusers"
        named = {part: getattr(self, part) for part in PARTS}
        on_top = found.on_top or OnTop(base=found.identity)
        model = Model(
            identity=on_top.base, path=found.path, family=family, format=layout,
            adapters=tuple(on_top.adapters), stamp=found.stamp,
            elsewhere=separate.places(ctx, found, named),
        )  # fmt: skip
        parts = Parts(model, sibling(model, TextEncoder), sibling(model, Vae))
        separate.prove(model, parts.vae)
        return parts
