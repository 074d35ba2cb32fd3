"""Control: pictures that steer what is drawn, through ControlNets."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Any

import torch
from msgspec import Meta

from core.engine import fitting, patches
from core.engine.context import Context
from core.engine.diffusion.control import Use
from core.engine.models import load
from core.engine.models.families import family_of
from core.engine.node import ControlNetFile, Node
from core.engine.nodes.model import sibling
from core.engine.values import Area, Control, ControlNet, Image, Latent, Model, NetUse, Vae
from core.errors import Invalid
from core.graph.controls import MAX_CONTROLS, Mode, Resize, fits

Fit = Annotated[
    Resize, Meta(description="stretch; crop: fill the size and cut off; fit: lie in it, bordered.")
]
_SHAPES = ("cross_attention_dim", "block_out_channels", "layers_per_block")  # as the denoiser's


class ControlNetNode(Node, tag="control.net"):
    """Steer what is drawn by a picture: its edges, or whatever the ControlNet was made for."""

    controlnet: Annotated[ControlNetFile, Meta(description="Id or name of a ControlNet.")]
    weight: Annotated[float, Meta(ge=0, le=2, description="How strongly it steers.")] = 1.0
    start: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps from which on it steers.")
    ] = 0.0
    end: Annotated[
        float, Meta(ge=0, le=1, description="Share of the steps until which it steers.")
    ] = 1.0
    mode: Annotated[
        Mode,
        Meta(description="balanced; prompt: the prompt counts more; control: the picture does."),
    ] = "balanced"
    resize: Fit = "crop"

    def run(
        self,
        ctx: Context,
        image: Image,
        model: Model,
        latent: Latent,
        control: Control | None = None,
    ) -> Control:
        """Bring the picture to the size of the latents; nothing is read from disk yet."""
        if self.start >= self.end:
            raise Invalid("number_not_below", max=self.end)
        before = () if control is None else control.uses
        if len(before) >= MAX_CONTROLS:
            raise Invalid("too_long", max=MAX_CONTROLS)
        found = ctx.resource(self.controlnet)
        told, name = found.family or "", found.name or self.controlnet
        if not fits(told, model.family):
            raise Invalid("model_wrong_family", name=name, family=told, wanted=model.family)
        net = ControlNet(
            identity=found.identity, path=found.path, family=model.family,
            format=found.format or "diffusers",
        )  # fmt: skip
        pixels = fitting.fitted(image.pixels, *pixels_of(model, latent), self.resize)
        use = NetUse(
            net=net, pixels=pixels, weight=self.weight, start=self.start, end=self.end,
            mode=self.mode,
        )  # fmt: skip
        return Control(uses=(*before, use))


class ControlScale(Node, tag="control.scale"):
    """Scale a picture to what is drawn, so that a preprocessor sees it at its final size."""

    mode: Fit = "crop"

    def run(self, ctx: Context, image: Image, model: Model, latent: Latent) -> Image:
        """Scale each picture of the batch; what is too much is still there, to be cut off later."""
        return Image(pixels=fitting.scaled(image.pixels, *pixels_of(model, latent), self.mode))


class ControlCut(Node, tag="control.cut"):
    """Cut the area that is drawn out of a picture that shows all of the source."""

    mode: Fit = "crop"

    def run(self, ctx: Context, image: Image, source: Image, area: Area) -> Image:
        """Bring each picture of the batch to the source's size first."""
        high, wide = source.pixels.shape[-2:]
        return Image(pixels=patches.cut(fitting.fitted(image.pixels, high, wide, self.mode), area))


@contextmanager
def steering(
    ctx: Context, control: Control | None, model: Model, network: Any, latent: Latent
) -> Iterator[Callable[[int], tuple[Use, ...]]]:
    """Pin the ControlNets inside; give what makes the uses of picture ``index`` of the batch.

    Pictures of another size than the latents' are stretched: a second, larger pass has the same.

    :raises Invalid: control_misfit, when a net is not made like the denoiser; batch_mismatch.
    :raises ModelUnreadable: when a net's files are missing or not of its kind.
    """
    uses = () if control is None else control.uses
    with ExitStack() as stack:
        nets, pictures = [], []
        height, width = pixels_of(model, latent) if uses else (0, 0)
        for use in uses:
            net = stack.enter_context(ctx.engine.residency.use(use.net, ctx.job))
            _check_made_alike(use.net, net, network, latent, height // latent.samples.shape[-2])
            if len(use.pixels) not in (1, len(latent.samples)):
                raise Invalid("batch_mismatch", first=len(use.pixels), second=len(latent.samples))
            nets.append(net)
            pictures.append(patches.resize(use.pixels, height, width))

        def of(index: int) -> tuple[Use, ...]:
            return tuple(
                Use(
                    net, (use.net.identity, use.net.path), _one(picture, index),
                    weight=use.weight, start=use.start, end=use.end, mode=use.mode,
                    call=family_of(model.family).net,
                )
                for use, net, picture in zip(uses, nets, pictures, strict=True)
            )  # fmt: skip

        yield of


def pixels_of(model: Model, latent: Latent) -> tuple[int, int]:
    """Give height and width of the picture that latents stand for."""
    _, factor = load.latent_size(load.config_of(sibling(model, Vae)))
    return latent.samples.shape[-2] * factor, latent.samples.shape[-1] * factor


def _one(batch: torch.Tensor, index: int) -> torch.Tensor:
    return batch[index : index + 1] if len(batch) > 1 else batch


def _check_made_alike(
    handle: ControlNet, net: Any, network: Any, latent: Latent, factor: int
) -> None:
    """Check that a net's residuals have the shapes that the denoiser adds them to."""
    alike = all(_plain(net.config, name) == _plain(network.config, name) for name in _SHAPES)
    channels = int(net.config.in_channels), int(net.config.conditioning_channels)
    halvings = len(net.config.conditioning_embedding_out_channels) - 1
    if not alike or channels != (latent.samples.shape[1], 3) or 2**halvings != factor:
        raise Invalid("control_misfit", model=Path(handle.path).name)


def _plain(config: Any, name: str) -> Any:
    value = getattr(config, name, None)
    return tuple(value) if isinstance(value, list | tuple) else value
