"""Upscalers: networks that make pictures larger, or repair faces, read by spandrel.

Spandrel knows the ESRGAN family and some forty others, and tells them by their weights. It is an
extra, since it needs torchvision, and is imported when the first file is read. Only safetensors
are read: a ``.pth`` is a pickle, whose names the server's scan could not read without running it.
Knows one tile at a time; where pictures are cut is known to ``upscale``.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from core.engine.carrier import place_of
from core.engine.values import SPANDREL, Handle
from core.errors import ModelUnreadable

EXTRA = "upscale"
_PART = "upscaler"
_SUFFIX = ".safetensors"
_FACES = "FaceSR"  # spandrel's purpose of networks that draw one face over again
_GFPGAN = "GFPGAN"
_BROKEN = (  # what spandrel's readers raise of weights that are not what they seem
    OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError, AssertionError,
    ArithmeticError, SafetensorError,
)  # fmt: skip


class Upscaler(nn.Module):
    """A network of spandrel's with what it asks of a picture.

    ``scale`` pixels each way come of one; ``faces`` says that it draws one face over again.
    """

    def __init__(self, described: Any) -> None:
        super().__init__()
        self.network = described.model
        self.scale = int(described.scale)
        self.faces = described.purpose == _FACES
        self._channels = int(described.input_channels)
        self._described = described

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Make (1, 3, h · scale, w · scale) of (1, 3, h, w): float32 in [0, 1], on the device.

        A network of one channel sees the three colours one after another.
        """
        first = next(self.network.parameters())
        given = pixels.to(place_of(self), first.dtype)
        if self._described.architecture.id == _GFPGAN:
            return self._gfpgan(given)
        parts = torch.split(given, self._channels, dim=1)
        made = torch.cat([self._described(part) for part in parts], dim=1)
        return made.to(torch.float32)

    def _gfpgan(self, pixels: torch.Tensor) -> torch.Tensor:
        """Run GFPGAN in the range it was made for, [-1, 1], with the noise that lies in its file.

        Spandrel hands it [0, 1], and new noise each time (Wang et al. 2021,
        https://arxiv.org/abs/2101.04061).
        """
        made: torch.Tensor = self.network(2 * pixels - 1, return_rgb=False, randomize_noise=False)[
            0
        ]
        return (made.to(torch.float32) * 0.5 + 0.5).clamp(0, 1)


def handle_of(identity: str, path: str, format_: str, name: str) -> Handle:
    """Name the weights of an upscaler.

    :raises ModelUnreadable: format_unsupported, for a file that spandrel does not read.
    """
    if format_ not in (SPANDREL, ""):
        raise ModelUnreadable("format_unsupported", model=name, format=format_)
    return Handle(identity=identity, path=path, family="", part=_PART, format=SPANDREL)


def size(handle: Handle, dtype: torch.dtype) -> int:
    """Estimate the bytes the weights take in ``dtype``; 0 when the file cannot be read."""
    try:
        with safe_open(handle.path, framework="pt") as opened:
            first = next(iter(opened.keys()))
            stored = opened.get_slice(first).get_dtype()
        taken = Path(handle.path).stat().st_size
    except (SafetensorError, OSError, StopIteration):
        return 0
    return taken * dtype.itemsize // (4 if stored == "F32" else 2)


def load(handle: Handle, dtype: torch.dtype) -> nn.Module:
    """Read a file into RAM; in float32 where the network does not work in ``dtype``.

    :raises ModelUnreadable: extra_missing without spandrel, model_pickle for a pickle,
        upscaler_unfit for a network that takes no plain picture; where the file is broken.
    """
    path = Path(handle.path)
    if path.suffix.lower() != _SUFFIX:
        raise ModelUnreadable("model_pickle", model=path.name)
    try:
        import spandrel
    except ImportError as error:
        raise ModelUnreadable("extra_missing", model=path.name, extra=EXTRA) from error
    try:
        described = spandrel.ModelLoader(torch.device("cpu")).load_from_file(path)
    except (*_BROKEN, spandrel.UnsupportedModelError) as error:
        reason = f"{type(error).__name__}: {error}"[:500]
        raise ModelUnreadable(model=path.name, reason=reason) from error
    channels = (described.input_channels, described.output_channels)
    plain = isinstance(described, spandrel.ImageModelDescriptor)
    if not plain or channels not in ((3, 3), (1, 1)):
        raise ModelUnreadable(
            "upscaler_unfit", model=path.name, architecture=described.architecture.name
        )
    made = Upscaler(described)
    fitting = {torch.float16: described.supports_half, torch.bfloat16: described.supports_bfloat16}
    made.to(dtype if fitting.get(dtype, True) else torch.float32)
    return made.eval().requires_grad_(False)
