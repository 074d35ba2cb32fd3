"""What flows on wires. Nominal: a wire fits when the class's name is one the port takes.

Tensors on wires live on the CPU, so that keeping them costs no device memory; a node moves what
it needs under the baton. A handle names weights, which live in ``residency``. Batches are
dimension B: there are no lists on wires. Plain ``int | float | str | bool`` flow as they are.
"""

from typing import NamedTuple, TypeVar

import torch
from msgspec import Struct, structs

from core.engine.node import Value
from core.graph.controls import Mode
from core.graph.prompts.reading import Stage
from core.ipc.commands import Quantize

WHOLE = "pipeline"  # the part that is all of a pipeline
SPANDREL = "spandrel"  # the format of upscalers: a file that another library reads


class Image(Value, frozen=True, kw_only=True):
    """A batch of pictures: ``pixels`` (B, 3, H, W), float32, RGB in [0, 1]."""

    pixels: torch.Tensor


class Mask(Value, frozen=True, kw_only=True):
    """A batch of masks: ``values`` (B, 1, H, W), float32 in [0, 1]; 1 is what is painted anew."""

    values: torch.Tensor


class Area(Value, frozen=True, kw_only=True):
    """A rectangle of a picture, in its pixels: where a part was cut out and goes back to."""

    left: int
    top: int
    width: int
    height: int


class Latent(Value, frozen=True, kw_only=True):
    """A batch of latents: ``samples`` (B, C, h, w), float32, scaled as the denoiser takes them.

    ``empty`` says that the samples are zeros standing for a size, so sampling starts from pure
    noise; otherwise they are a clean picture, noised to where ``strength`` starts. ``mask``
    (B or 1, 1, h, w) says what of it is painted anew: 0 stays, 1 is free, between them a cell is
    free from the step on that leaves this share. ``channels`` (B, K, h, w) is what a denoiser made
    for inpainting sees beside the latents.
    """

    samples: torch.Tensor
    empty: bool = False
    mask: torch.Tensor | None = None
    channels: torch.Tensor | None = None


class Sizes(NamedTuple):
    """What a network is told of sizes beside a prompt; heights and widths, in pixels.

    Podell et al. 2023, https://arxiv.org/abs/2307.01952, §2.2.
    """

    original: tuple[int, int] = (0, 0)  # before it was scaled; 0 is that of what is drawn
    cut: tuple[int, int] = (0, 0)  # off its top, and off its left side
    target: tuple[int, int] = (0, 0)  # what it was trained at; 0 as above

    def numbers(self, drawn: tuple[int, int]) -> tuple[int, ...]:
        """Give the six numbers for a picture of a size."""
        original, target = (
            tuple(side or of for side, of in zip(size, drawn, strict=True))
            for size in (self.original, self.target)
        )
        return (*original, *self.cut, *target)


class Later(Struct, frozen=True, kw_only=True):
    """What a prompt becomes in a later stage: tensors shaped as at first."""

    stage: Stage
    tokens: torch.Tensor
    pooled: torch.Tensor | None = None


class Region(Struct, frozen=True, kw_only=True):
    """A part of the picture that follows a prompt of its own: where ``mask`` is not 0.

    ``mask`` (B or 1, 1, H, W), float32 in [0, 1], lies over the whole picture at any size.
    """

    conditioning: "Conditioning"
    mask: torch.Tensor
    weight: float = 1.0


class Conditioning(Value, frozen=True, kw_only=True):
    """Encoded prompts: ``tokens`` (B, T, D), ``pooled`` (B, P), ``mask`` (B, T), 1 where valid.

    In the dtype the text encoder ran in. T is a multiple of the encoder's window; ``pooled`` is of
    the first window. ``empty`` (1, T', D) is one window of the empty prompt, which lengthens the
    other prompt of a picture where that is shorter. ``identity`` names the text encoder that made
    them; ``remarked`` says what of the prompt is not in it, ``sizes`` what a network is told of
    sizes.
    """

    tokens: torch.Tensor
    pooled: torch.Tensor | None = None
    mask: torch.Tensor | None = None
    identity: str = ""
    later: tuple[Later, ...] = ()
    empty: torch.Tensor | None = None
    remarked: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()
    sizes: Sizes = Sizes()
    heads: int = 0  # tokens at the beginning that are of pictures (``adapters.image_prompt``)

    def remarks(self) -> tuple[str, ...]:
        """Tell what was cut, was taken as text, or has no effect."""
        return self.remarked


class Place(Struct, frozen=True, kw_only=True):
    """Where a part lies that is not taken from the checkpoint's own file or folder."""

    part: str
    identity: str
    path: str  # absolute
    format: str
    stamp: tuple[int, int] = (0, 0)
    weights: str = ""  # absolute: file of its weights, where those are others than at the path


class Handle(Value, frozen=True, kw_only=True):
    """One part of a checkpoint, by name; its weights are had with ``ctx.use(handle, phase)``.

    All but the paths is the part's key in ``residency`` (``core.engine.part.key_of``). Handles
    compare and hash by value.
    """

    identity: str  # of the checkpoint's content; enters cache keys
    path: str  # absolute: a folder or a file
    family: str  # "sd1", "sdxl", …: a row of the families table
    part: str  # "model", "text_encoder", "vae"
    format: str = "diffusers"  # "diffusers" (a folder), "single", "gguf" or "spandrel" (a file)
    adapters: tuple[tuple[str, str, float], ...] = ()  # (identity, path, weight) merged on top
    image_adapters: tuple[tuple[str, str, int], ...] = ()  # (identity, path, number of pictures)
    stamp: tuple[int, int] = (0, 0)  # bytes, and milliseconds of the last change; 0: not known
    elsewhere: tuple[Place, ...] = ()  # parts of the checkpoint that are taken from other files
    precise: bool = False  # in float32, whatever the device works in
    weights: str = ""  # absolute: file of weights in place of those at the path
    narrow: Quantize | None = None  # how a denoiser's weights are kept; None: as the engine's are


H = TypeVar("H", bound=Handle)


def placed(handle: H) -> H:
    """Give a part by the file or folder that it is taken from, whatever the rest is taken from."""
    if not handle.elsewhere:
        return handle
    found = next((one for one in handle.elsewhere if one.part == handle.part), None)
    if found is None:
        return structs.replace(handle, elsewhere=())
    return structs.replace(
        handle, identity=found.identity, path=found.path, format=found.format, stamp=found.stamp,
        weights=found.weights, elsewhere=(),
    )  # fmt: skip


class Model(Handle, frozen=True, kw_only=True):
    """The denoiser of a checkpoint."""

    part: str = "model"


class TextEncoder(Handle, frozen=True, kw_only=True):
    """The text towers of a checkpoint and their tokenizers."""

    part: str = "text_encoder"


class ImageEncoder(Handle, frozen=True, kw_only=True):
    """The encoder of pictures that an IP-Adapter was trained with."""

    part: str = "image_encoder"


class Vae(Handle, frozen=True, kw_only=True):
    """The autoencoder of a checkpoint."""

    part: str = "vae"


class ControlNet(Handle, frozen=True, kw_only=True):
    """A ControlNet: a model of its own, made for denoisers of a family."""

    part: str = "controlnet"


class NetUse(Struct, frozen=True, kw_only=True):
    """A ControlNet and what it sees: ``pixels`` (B or 1, 3, H, W), float32, RGB in [0, 1].

    As large as what is drawn. It acts between the shares ``start`` and ``end`` of the steps.
    """

    net: ControlNet
    pixels: torch.Tensor
    weight: float = 1.0
    start: float = 0.0
    end: float = 1.0
    mode: Mode = "balanced"


class Control(Value, frozen=True, kw_only=True):
    """ControlNets that steer a sampler together, in order."""

    uses: tuple[NetUse, ...]
