"""Pictures as a run is taught them: read, laid on a ground, scaled to a bucket, cut, mirrored.

Knows files of pictures and what of a recipe decides how they are seen; no models. A view says all
that makes pixels of a picture, so that its facts can be part of an address.
"""

import hashlib
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy
import torch
from PIL import Image as Pillow

from core.engine.values import Sizes
from core.errors import PictureUnreadable
from core.ipc.commands import TaughtPicture
from core.records.recipe import Recipe, Transparency
from core.training import buckets
from core.training.seeds import derived

VERSION = 1  # of how a picture and a view become pixels: part of every address
SMALL = 0.75  # share of the size it is trained in, below which a picture is told to be small

_BYTES = 512 << 20  # of a file: an upright PNG of the largest picture that is taken in
_PIXELS = 128 << 20
_RANGE = 1 << 63  # of seeds
_GROUNDS = {"mask": (128, 128, 128), "white": (255,) * 3, "black": (0,) * 3, "gray": (128,) * 3}
_BROKEN = (OSError, ValueError, SyntaxError, Pillow.DecompressionBombError)

Color = tuple[int, ...]  # red, green, blue of 255


class Face(NamedTuple):
    """What a file says of its picture before it is decoded."""

    width: int
    height: int
    clear: bool  # has an alpha channel


class View(NamedTuple):
    """One way to see a picture: scaled, cut to a bucket, perhaps mirrored, on a ground."""

    scaled: tuple[int, int]  # width, height of all of it
    cut: tuple[int, int]  # left, top of what is seen
    size: tuple[int, int]  # width, height of what is seen: its bucket
    mirrored: bool = False
    ground: Color = ()  # behind what is transparent; empty: there is nothing transparent

    def sizes(self, face: Face) -> Sizes:
        """Say what a network is told of sizes, as diffusers' script for XL does."""
        left, top = self.cut
        if self.mirrored:
            left = self.scaled[0] - self.size[0] - left
        return Sizes((face.height, face.width), (top, left), (self.size[1], self.size[0]))


class Seen(NamedTuple):
    """A picture in a view."""

    pixels: torch.Tensor  # (3, H, W) float32 in [-1, 1]
    cover: torch.Tensor | None  # (1, H, W) float32 in [0, 1]: how opaque; None: all of it


class Lens(NamedTuple):
    """How a recipe wants pictures to be seen.

    ``resolution`` and ``step`` are in pixels, the former a multiple of what latents and patches of
    the family stand for.
    """

    resolution: int
    step: int = 64
    buckets: bool = True
    random: bool = False  # crops
    variants: int = 1  # crops, and grounds, where they are random
    mirrored: bool = False
    transparency: Transparency = "mask"
    seed: int = 0

    @classmethod
    def of(cls, recipe: Recipe, resolution: int, multiple: int) -> "Lens":
        """Take what counts of a recipe.

        :param resolution: of the model, where the recipe has none.
        :param multiple: pixels that sides must be multiples of.
        """
        wanted = recipe.resolution or resolution
        return cls(
            resolution=max(multiple, wanted - wanted % multiple),
            step=math.lcm(recipe.bucket_step, multiple),
            buckets=recipe.buckets,
            random=recipe.crop == "random",
            variants=recipe.crop_variants,
            mirrored=recipe.flip,
            transparency=recipe.transparency,
            seed=recipe.seed,
        )

    def bucket(self, face: Face) -> tuple[int, int]:
        """Choose width and height that a picture is trained in."""
        if not self.buckets:
            return buckets.square(self.resolution, self.step)
        return buckets.fit(face.width, face.height, self.resolution, self.step)

    def views(self, sha256: str, face: Face, bucket: tuple[int, int]) -> tuple[View, ...]:
        """List the ways in which a picture is seen in a bucket, each once.

        What is random is a function of seed, picture and number, so that it is the same in every
        run of the same seed.
        """
        scaled = buckets.covering((face.width, face.height), bucket)
        many = self.random or (face.clear and self.transparency == "random")
        found = {
            View(scaled, self._cut(sha256, scaled, bucket, number), bucket, mirrored, ground): None
            for number in range(self.variants if many else 1)
            for ground in [self._ground(sha256, number) if face.clear else ()]
            for mirrored in ((False, True) if self.mirrored else (False,))
        }
        return tuple(found)

    def _cut(
        self, sha256: str, scaled: tuple[int, int], bucket: tuple[int, int], number: int
    ) -> tuple[int, int]:
        across = down = 0.5
        if self.random:
            across, down = (
                derived(self.seed, "crop", sha256, number, way) / _RANGE for way in ("x", "y")
            )
        left, top, *_ = buckets.window(scaled, bucket, across, down)
        return left, top

    def _ground(self, sha256: str, number: int) -> Color:
        if self.transparency != "random":
            return _GROUNDS[self.transparency]
        return tuple(derived(self.seed, "ground", sha256, number, way) % 256 for way in range(3))


def face_of(picture: TaughtPicture) -> Face:
    """Read how large a picture is, without decoding it.

    :raises PictureUnreadable: picture_gone; picture_changed where it is no longer a picture.
    """
    try:
        with Pillow.open(picture.path) as opened:
            width, height = opened.size
            clear = opened.has_transparency_data
    except FileNotFoundError as error:
        raise PictureUnreadable("picture_gone", picture=name_of(picture)) from error
    except _BROKEN as error:
        raise PictureUnreadable("picture_changed", picture=name_of(picture)) from error
    if width * height > _PIXELS:
        raise PictureUnreadable("picture_changed", picture=name_of(picture))
    return Face(width, height, clear)


def seen(picture: TaughtPicture, view: View, *, masked: bool) -> Seen:
    """Read a file as a view shows it.

    :param masked: whether to tell how opaque it is.
    :raises PictureUnreadable: picture_gone, picture_changed, or where it cannot be decoded.
    """
    return shown(_decoded(picture), view, masked=masked)


def shown(whole: Pillow.Image, view: View, *, masked: bool = False) -> Seen:
    """Show a picture as a view says.

    Colours are laid on the ground before they are scaled, so what is hidden never bleeds. Only the
    part that is seen is scaled.
    """
    across, down = whole.width / view.scaled[0], whole.height / view.scaled[1]
    left, top = view.cut
    box = (
        left * across,
        top * down,
        min(whole.width, (left + view.size[0]) * across),
        min(whole.height, (top + view.size[1]) * down),
    )
    if not view.ground:
        return Seen(2 * _levels(_framed(whole.convert("RGB"), view, box)) - 1, None)
    clear = whole.convert("RGBA")
    ground = Pillow.new("RGBA", clear.size, (*view.ground, 255))
    colors = Pillow.alpha_composite(ground, clear).convert("RGB")
    pixels = 2 * _levels(_framed(colors, view, box)) - 1
    alpha = clear.getchannel("A")
    if not masked or alpha.getextrema() == (255, 255):
        return Seen(pixels, None)
    return Seen(pixels, _levels(_framed(alpha, view, box)))


def small(face: Face, view: View) -> bool:
    """Say whether a picture has to be enlarged by much."""
    return face.width < SMALL * view.scaled[0]


def name_of(picture: TaughtPicture) -> str:
    """Give the name that people know a picture by."""
    return picture.file or Path(picture.path).name


def _decoded(picture: TaughtPicture) -> Pillow.Image:
    """Read and decode a file that is still what it was."""
    name = name_of(picture)
    try:
        with Path(picture.path).open("rb") as file:
            data = file.read(_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureUnreadable("picture_gone", picture=name) from error
    except OSError as error:
        raise PictureUnreadable(picture=name, reason=str(error)[:200]) from error
    if len(data) > _BYTES or hashlib.sha256(data).hexdigest() != picture.sha256:
        raise PictureUnreadable("picture_changed", picture=name)
    try:
        opened = Pillow.open(io.BytesIO(data))
        if opened.width * opened.height > _PIXELS:
            raise ValueError(f"more than {_PIXELS} pixels")
        opened.load()
    except _BROKEN as error:
        raise PictureUnreadable(picture=name, reason=str(error)[:200]) from error
    return opened


def _framed(
    picture: Pillow.Image, view: View, box: tuple[float, float, float, float]
) -> Pillow.Image:
    """Scale and cut as a view says, and mirror; pixels stay as they are where nothing is scaled."""
    if picture.size == view.scaled:
        left, top = view.cut
        shown = picture.crop((left, top, left + view.size[0], top + view.size[1]))
    else:
        shown = picture.resize(view.size, Pillow.Resampling.LANCZOS, box=box)
    return shown.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT) if view.mirrored else shown


def _levels(picture: Pillow.Image) -> torch.Tensor:
    """Turn a picture into (C, H, W) float32 in [0, 1]."""
    array = numpy.asarray(picture)
    levels = torch.from_numpy(array.copy().reshape(*array.shape[:2], -1))  # (H, W, C) uint8
    return levels.permute(2, 0, 1).contiguous().to(torch.float32) / 255
