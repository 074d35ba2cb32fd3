"""Pictures between tensors and files: Pillow ↔ (B, 3, H, W), PNG with metadata, thumbnails.

Works with Pillow, zlib and torch, which release the interpreter's lock. Knows no jobs.
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path

import numpy
import torch
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo

from core import staged
from core.engine.values import Image, Mask
from core.ipc.reports import SavedImage

FORMATS = ("PNG", "JPEG", "WEBP")  # that a picture of the gallery may be in
_THUMBNAIL = 256  # pixels, longest side
_ZLIB = 1  # 5 times as fast as the default, for files 10 % larger


def from_pillow(picture: Pillow.Image) -> torch.Tensor:
    """Turn a picture into (1, 3, H, W) float32 in [0, 1]; transparency lies on black."""
    array = numpy.asarray(picture.convert("RGB"))
    tensor = torch.from_numpy(array.copy())  # (H, W, 3) uint8
    return tensor.permute(2, 0, 1).unsqueeze(0).contiguous().to(torch.float32) / 255


def grey_from_pillow(picture: Pillow.Image, *, alpha: bool = False) -> torch.Tensor:
    """Turn a picture into (1, 1, H, W) float32 in [0, 1]: its lightness, on black, or its alpha.

    Pictures without transparency are opaque: all 1.
    """
    clear = picture.convert("RGBA")
    if alpha:
        grey = clear.getchannel("A")
    else:
        black = Pillow.new("RGBA", clear.size, (0, 0, 0, 255))
        grey = Pillow.alpha_composite(black, clear).convert("L")
    levels = torch.from_numpy(numpy.asarray(grey).copy())  # (H, W) uint8
    return levels[None, None].to(torch.float32) / 255


def to_pillow(pixels: torch.Tensor) -> list[Pillow.Image]:
    """Turn (B, 3, H, W) in [0, 1] into RGB pictures, (B, 1, H, W) into grey ones.

    Values are clamped and rounded to the nearest of 256; NaN becomes 0.
    """
    levels = torch.nan_to_num(pixels.detach().to("cpu", torch.float32)).clamp(0, 1) * 255
    # (B, C, H, W) -> (B, H, W, C)
    arrays = levels.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()
    return [Pillow.fromarray(a[:, :, 0] if a.shape[2] == 1 else a) for a in arrays]


def jpeg(pixels: torch.Tensor, longest: int, quality: int = 80) -> tuple[bytes, int, int]:
    """Encode uint8 (H, W, 3) as a JPEG with no side above ``longest``; give width and height."""
    picture = Pillow.fromarray(pixels.to("cpu").contiguous().numpy())
    picture.thumbnail((longest, longest), Pillow.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue(), picture.width, picture.height


def save_pictures(
    picture: Image | Mask,
    *,
    folder: str,
    job: str,
    node: str,
    first: int = 0,
    metadata: Mapping[str, str] | None = None,
) -> list[SavedImage]:
    """Write each picture of a batch as ``<job>-<index>.png`` with a thumbnail, synced to disk.

    :param first: index of the first one.
    :param metadata: PNG text chunks, keyword → text.
    :raises DiskFull: when there is no room; what was written of that picture is removed.
    """
    tensor, kind = (picture.pixels, "output") if isinstance(picture, Image) else (
        picture.values, "mask",
    )  # fmt: skip
    saved = []
    for index, drawn in enumerate(to_pillow(tensor), start=first):
        name = Path(folder, f"{job}-{index}.png")
        thumbnail = name.with_suffix(".webp")
        data = png(drawn, metadata or {})
        staged.write(name, data)
        staged.write(thumbnail, webp(drawn))
        saved.append(
            SavedImage(
                path=name.name,
                thumbnail=thumbnail.name,
                node=node,
                index=index,
                size=len(data),
                sha256=hashlib.sha256(data).hexdigest(),
                width=drawn.width,
                height=drawn.height,
                kind="output" if kind == "output" else "mask",
            )
        )
    return saved


def png(picture: Pillow.Image, metadata: Mapping[str, str]) -> bytes:
    """Encode a PNG with text chunks: tEXt where Latin-1 suffices, else iTXt."""
    chunks = PngInfo()
    for keyword, text in metadata.items():
        if text.isascii():
            chunks.add_text(keyword, text)
        else:
            chunks.add_itxt(keyword, text)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", compress_level=_ZLIB, pnginfo=chunks)
    return buffer.getvalue()


def webp(picture: Pillow.Image, side: int = _THUMBNAIL) -> bytes:
    """Encode a thumbnail with a longest side of ``side``; small pictures stay as they are."""
    small = picture.convert("RGB")
    small.thumbnail((side, side), Pillow.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.save(buffer, "WEBP", quality=82, method=2)
    return buffer.getvalue()
