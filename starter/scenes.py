"""What is in a picture: figures, style, background.

A scene is a pure function of (seed, index). Does not draw: see `starter.canvas`. Does not know
words: see `starter.captions`.
"""

import random
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from starter.seeds import make_random
from starter.sprites import STYLES

COLOURS: dict[str, tuple[int, int, int]] = {
    "white": (252, 252, 252),
    "black": (18, 18, 20),
    "gray": (136, 138, 142),
    "red": (214, 40, 44),
    "orange": (246, 136, 28),
    "yellow": (252, 214, 46),
    "green": (46, 158, 68),
    "blue": (34, 84, 206),
    "light blue": (132, 204, 246),
    "purple": (126, 56, 176),
    "pink": (248, 142, 186),
    "brown": (122, 76, 44),
}
PLACES: dict[str, tuple[float, float]] = {
    "center": (0.5, 0.5),
    "left": (0.3, 0.5),
    "right": (0.7, 0.5),
    "top": (0.5, 0.3),
    "bottom": (0.5, 0.7),
}
STYLE_WEIGHTS = dict(zip(STYLES, (0.42, 0.33, 0.25), strict=True))


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One subject in a scene. Lengths are parts of the picture's side."""

    code: str
    x: float  # of the centre
    y: float
    size: float
    flip: bool
    light: float  # brightness, 1 is untouched
    colour: float  # saturation, 1 is untouched


@dataclass(frozen=True, kw_only=True)
class Scene:
    """All that is drawn in one picture."""

    figures: tuple[Figure, ...]  # one, or two from left to right
    style: str
    top: str  # colour name; the same as `bottom` on a plain background
    bottom: str
    small: bool  # the only figure is small, and stands at `place`
    place: str  # "center" unless small
    tint: tuple[int, int, int]  # added to the background, -12..12 each


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How often each kind of scene comes up, as parts of one."""

    pair: float = 0.12
    small: float = 0.08
    gradient: float = 0.15


def held_colour(code: str) -> str:
    """Give the background that the subject is never shown on: kept for measuring."""
    return list(COLOURS)[zlib.crc32(code.encode()) % len(COLOURS)]


def make_scene(seed: int, index: int, codes: Sequence[str], mix: Mix | None = None) -> Scene:
    """Make scene number `index`: a pure function of its arguments."""
    mix = mix or Mix()
    draw = make_random(seed, "scene", index)
    style = draw.choices(STYLES, [STYLE_WEIGHTS[name] for name in STYLES])[0]
    kind = draw.random()
    small, place = False, "center"
    figures: tuple[Figure, ...]
    if kind < mix.pair and len(codes) > 1:
        left, right = draw.sample(sorted(set(codes)), 2)
        size = draw.uniform(0.46, 0.52)
        figures = (_place(draw, left, 0.26, 0.5, size), _place(draw, right, 0.74, 0.5, size))
    elif kind < mix.pair + mix.small:
        small, place = True, draw.choice(list(PLACES))
        figures = (_place(draw, draw.choice(codes), *PLACES[place], draw.uniform(0.48, 0.56)),)
    else:
        figures = (_place(draw, draw.choice(codes), 0.5, 0.5, draw.uniform(0.76, 0.98)),)
    kept = {held_colour(figure.code) for figure in figures}
    names = [name for name in COLOURS if name not in kept]
    top = draw.choice(names)
    bottom = draw.choice([name for name in names if name != top])
    if draw.random() >= mix.gradient:
        bottom = top
    tint = (draw.randint(-12, 12), draw.randint(-12, 12), draw.randint(-12, 12))
    return Scene(
        figures=figures, style=style, top=top, bottom=bottom, small=small, place=place, tint=tint
    )


def _place(draw: random.Random, code: str, x: float, y: float, size: float) -> Figure:
    free = max(0.0, min(x, 1 - x, y, 1 - y) - size / 2)
    play = min(free, 0.04)
    return Figure(
        code=code,
        x=x + draw.uniform(-play, play),
        y=y + draw.uniform(-play, play),
        size=size,
        flip=draw.random() < 0.5,
        light=draw.uniform(0.94, 1.06),
        colour=draw.uniform(0.92, 1.08),
    )
