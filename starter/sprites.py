"""Cut-out pictures of subjects, in three styles, drawn once and kept in the cache.

Knows how each package stores its pictures. Does not know scenes or captions.
"""

import hashlib
import io
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from starter.sources import fetch, read_pins
from starter.subjects import Subject

log = logging.getLogger(__name__)

STYLES = ("3d", "flat", "cartoon")

Key = tuple[str, str]  # (code, style)
Atlas = dict[Key, Image.Image]


class SpriteMissing(Exception):
    """A package holds no picture of the subject in that style."""


def draw_svg(text: str, pixels: int) -> Image.Image:
    """Draw an SVG as a square RGBA picture."""
    import resvg_py  # only the recipe needs it

    data = bytes(resvg_py.svg_to_bytes(svg_string=text, width=pixels, height=pixels))
    return Image.open(io.BytesIO(data)).convert("RGBA")


def trim(picture: Image.Image, pixels: int) -> Image.Image:
    """Cut away the empty border and centre what is left on a square of that side."""
    box = picture.getchannel("A").point(lambda a: 255 if a > 8 else 0).getbbox()
    cut = picture.crop(box) if box else picture
    side = max(cut.size)
    square = Image.new("RGBA", (side, side))
    square.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return square.resize((pixels, pixels), Image.Resampling.LANCZOS)


class Packages:
    """The unpacked picture packages."""

    def __init__(self, cache: Path) -> None:
        """Fetch what is not in the cache yet."""
        pins = read_pins()
        self._fluent_3d = fetch(pins["fluent-3d"], cache) / "assets"
        self._fluent_flat = fetch(pins["fluent-flat"], cache) / "assets"
        noto = fetch(pins["noto"], cache)
        self._names: dict[str, str] = json.loads((noto / "chars.json").read_text("utf-8"))
        icons = json.loads((noto / "icons.json").read_text("utf-8"))
        self._bodies: dict[str, str] = {k: v["body"] for k, v in icons["icons"].items()}
        self._aliases: dict[str, str] = {k: v["parent"] for k, v in icons["aliases"].items()}
        self._side = icons["width"]

    def draw(self, code: str, style: str) -> Image.Image:
        """Draw one subject at 256 pixels, RGBA.

        :raises SpriteMissing: the package has no such picture.
        """
        if style == "3d":
            return Image.open(self._find(self._fluent_3d, code, "webp")).convert("RGBA")
        if style == "flat":
            return draw_svg(self._find(self._fluent_flat, code, "svg").read_text("utf-8"), 256)
        name = self._names.get(code, "")
        body = self._bodies.get(self._aliases.get(name, name))
        if body is None:
            raise SpriteMissing(f"{code} {style}")
        box = f"0 0 {self._side} {self._side}"
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
        return draw_svg(f"{head}{body}</svg>", 256)

    def _find(self, folder: Path, code: str, suffix: str) -> Path:
        for stem in (code, f"{code}-fe0f"):
            path = folder / f"{stem}.{suffix}"
            if path.exists():
                return path
        raise SpriteMissing(f"{code} {suffix}")


def load_atlas(subjects: Iterable[Subject], pixels: int, cache: Path) -> Atlas:
    """Load every subject in every style as RGBA squares, drawing them on the first call.

    A subject that lacks a style is left out of that style, with a warning.
    """
    codes = [subject.code for subject in subjects]
    mark = hashlib.sha256(" ".join(codes).encode()).hexdigest()[:12]
    path = cache / f"sprites-{pixels}-{mark}.npz"
    if not path.exists():
        _draw_atlas(codes, pixels, cache, path)
    with np.load(path) as stored:
        return {_split(key): Image.open(io.BytesIO(stored[key])).convert("RGBA") for key in stored}


def _split(key: str) -> Key:
    code, style = key.split("/")
    return code, style


def _draw_atlas(codes: list[str], pixels: int, cache: Path, path: Path) -> None:
    packages = Packages(cache)
    drawn: dict[str, np.ndarray] = {}
    for code in codes:
        for style in STYLES:
            try:
                picture = trim(packages.draw(code, style), pixels)
            except SpriteMissing as missing:
                log.warning("no picture: %s", missing)
                continue
            file = io.BytesIO()
            picture.save(file, "WEBP", quality=95)
            drawn[f"{code}/{style}"] = np.frombuffer(file.getvalue(), np.uint8)
    beside = path.with_suffix(".tmp.npz")
    np.savez(beside, allow_pickle=False, **drawn)
    beside.replace(path)
