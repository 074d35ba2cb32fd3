"""Preprocessors: from a picture to what a ControlNet was trained to see. None needs a model."""

from collections.abc import Callable
from typing import Annotated

import torch
from msgspec import Meta

from core.engine import preprocess
from core.engine.context import Context
from core.engine.node import Node
from core.engine.values import Image
from core.errors import Invalid
from core.graph.controls import THRESHOLDS

Blur = Annotated[
    float, Meta(ge=0, le=16, description="Blurs noise away first: standard deviation in pixels.")
]
Low = Annotated[
    float, Meta(ge=0, le=1, description="Changes up to this are none; 1 is from black to white.")
]


class PreprocessCanny(Node, tag="preprocess.canny"):
    """Find edges, one pixel thin: white on black, as Canny ControlNets see them."""

    low: Low = THRESHOLDS["canny"]["low"]
    high: Annotated[
        float,
        Meta(ge=0, le=1, description="Changes from this on are edges; between, where they join."),
    ] = THRESHOLDS["canny"]["high"]
    blur: Blur = 1.0

    def run(self, ctx: Context, image: Image) -> Image:
        """Find the edges of each picture of the batch."""
        _check_order(self.low, self.high)
        return _each(ctx, image, lambda one: preprocess.canny(one, self.blur, self.low, self.high))


class PreprocessLineart(Node, tag="preprocess.lineart"):
    """Draw soft lines where a picture changes: white on black."""

    low: Low = THRESHOLDS["lineart"]["low"]
    high: Annotated[float, Meta(ge=0, le=1, description="Changes from this on are white.")] = (
        THRESHOLDS["lineart"]["high"]
    )
    blur: Blur = 1.0

    def run(self, ctx: Context, image: Image) -> Image:
        """Draw the lines of each picture of the batch."""
        _check_order(self.low, self.high)
        return _each(
            ctx, image, lambda one: preprocess.lineart(one, self.blur, self.low, self.high)
        )


class PreprocessXdog(Node, tag="preprocess.xdog"):
    """Draw lines as with ink (XDoG), white on black: for line art and scribbles."""

    width: Annotated[
        float, Meta(ge=0.3, le=8, description="Of the lines: a standard deviation in pixels.")
    ] = 1.0
    sharpness: Annotated[
        float, Meta(ge=0, le=200, description="How much more than tones edges count.")
    ] = 20.0
    threshold: Annotated[
        float, Meta(ge=-1, le=1, description="Tones darker than this become line as well.")
    ] = 0.0
    softness: Annotated[
        float, Meta(ge=0, le=1, description="Over which range of tones a line fades in.")
    ] = 0.1

    def run(self, ctx: Context, image: Image) -> Image:
        """Draw the lines of each picture of the batch."""
        return _each(
            ctx,
            image,
            lambda one: preprocess.xdog(
                one, self.width, self.sharpness, self.threshold, self.softness
            ),
        )


class PreprocessColor(Node, tag="preprocess.color"):
    """Give the colours of a picture in large blocks, without its shapes."""

    block: Annotated[int, Meta(ge=2, le=1024, description="Side of a block in pixels.")] = 64

    def run(self, ctx: Context, image: Image) -> Image:
        """Average the blocks of each picture of the batch."""
        return Image(pixels=preprocess.colors(image.pixels, self.block))


class PreprocessTile(Node, tag="preprocess.tile"):
    """Take fine detail away, for ControlNets that draw it anew."""

    factor: Annotated[
        float, Meta(ge=1, le=16, description="Pixels up to which detail goes; 1 takes none.")
    ] = 2.0

    def run(self, ctx: Context, image: Image) -> Image:
        """Shrink each picture of the batch and stretch it again."""
        return Image(pixels=preprocess.rough(image.pixels, self.factor))


class PreprocessLuminance(Node, tag="preprocess.luminance"):
    """Take the colours away, for ControlNets that colour."""

    gamma: Annotated[
        float, Meta(ge=0.1, le=10, description="Above 1 makes it darker, below 1 lighter.")
    ] = 1.0

    def run(self, ctx: Context, image: Image) -> Image:
        """Give the luma of each picture of the batch."""
        return _each(ctx, image, lambda one: one**self.gamma)


class PreprocessInvert(Node, tag="preprocess.invert"):
    """Turn light into dark: lines on white paper become white on black."""

    def run(self, ctx: Context, image: Image) -> Image:
        """Turn each picture of the batch."""
        return Image(pixels=1 - image.pixels)


def _each(ctx: Context, image: Image, work: Callable[[torch.Tensor], torch.Tensor]) -> Image:
    """Work on the luma of one picture after another, (1, 1, H, W); give grey pictures."""
    made = []
    for index in range(len(image.pixels)):
        ctx.check()
        made.append(work(preprocess.luminance(image.pixels[index : index + 1])))
    return Image(pixels=torch.cat(made).repeat(1, 3, 1, 1))


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise Invalid("number_too_large", max=high)
