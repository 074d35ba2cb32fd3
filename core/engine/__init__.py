"""The engine: what a node author imports, and the torch floor in a process of its own.

A node is a frozen struct with one method: fields are settings, ``run``'s parameters are inputs,
its return type is the output. Drop a file into the ``nodes`` folder of the data directory::

    class FilmGrain(Node, tag="mine.film_grain"):
        \"\"\"Add Gaussian grain to an image.\"\"\"

        amount: Annotated[float, Meta(ge=0, le=1, description="Standard deviation.")] = 0.1
        seed: Seed = 0

        def run(self, ctx: Context, image: Image) -> Image:
            grain = torch.randn(image.pixels.shape, generator=ctx.generator(self.seed))
            return Image(pixels=(image.pixels + self.amount * grain).clamp(0, 1))
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from core.engine.baton import Cancelled
    from core.engine.context import Context
    from core.engine.node import (
        Checkpoint,
        Color,
        ControlNetFile,
        ImageRef,
        Lora,
        Node,
        Prompt,
        Restorer,
        Sampler,
        Schedule,
        Seed,
        Upscaler,
        VaeFile,
    )
    from core.engine.pictures import from_pillow, to_pillow
    from core.engine.values import (
        Area,
        Conditioning,
        Control,
        ControlNet,
        Handle,
        Image,
        Latent,
        Mask,
        Model,
        NetUse,
        TextEncoder,
        Vae,
    )

_HOMES = {
    "baton": ["Cancelled"],
    "context": ["Context"],
    "node": [
        "Checkpoint", "Color", "ControlNetFile", "ImageRef", "Lora", "Node", "Prompt", "Restorer",
        "Sampler", "Schedule", "Seed", "Upscaler", "VaeFile",
    ],
    "pictures": ["from_pillow", "to_pillow"],
    "values": [
        "Area", "Conditioning", "Control", "ControlNet", "NetUse", "Handle", "Image", "Latent",
        "Mask", "Model", "TextEncoder", "Vae",
    ],
}  # fmt: skip
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Area", "Cancelled", "Checkpoint", "Color", "Conditioning", "Context", "Control", "ControlNet",
    "ControlNetFile", "Handle", "Image", "ImageRef", "Latent", "Lora", "Mask", "Model", "NetUse",
    "Node", "Prompt", "Restorer", "Sampler", "Schedule", "Seed", "TextEncoder", "Upscaler", "Vae",
    "VaeFile", "from_pillow", "to_pillow",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    # Late, because ``python -m core.engine`` must take its pipes before it imports torch.
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"core.engine.{_HOME[name]}"), name)
