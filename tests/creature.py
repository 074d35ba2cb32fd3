"""A subject that no model has seen: a creature of two colours, drawn in several poses.

Made for teaching: DreamBooth's promises are judged on it.
"""

from typing import Literal, NamedTuple

from PIL import Image, ImageDraw

from starter.scenes import COLOURS

Pose = Literal["standing", "waving", "sitting"]
POSES: tuple[Pose, ...] = ("standing", "waving", "sitting")
TAUGHT = (  # five pictures, three poses, five backgrounds
    ("standing", "white"),
    ("waving", "green"),
    ("sitting", "yellow"),
    ("standing", "pink"),
    ("waving", "gray"),
)
UNSEEN = ("blue", "red", "light blue", "black", "brown")  # backgrounds that were never taught

_FINE = 8  # times larger than it becomes
_LEFT, _RIGHT = (20, 170, 160), (240, 120, 30)
_EYE, _PUPIL = (250, 250, 250), (20, 20, 30)


class Look(NamedTuple):
    """How a picture of the creature varies: where it stands, and how large, in parts of 1."""

    x: float = 0.0
    y: float = 0.0
    size: float = 1.0


PLAIN = Look()


def creature(pose: Pose, background: str, side: int = 64, look: Look = PLAIN) -> Image.Image:
    """Draw the creature on a plain background, RGB (side, side)."""
    whole = side * _FINE
    picture = Image.new("RGB", (whole, whole), COLOURS[background])
    left, right = (_silhouette(pose, whole, look, half) for half in (0, 1))
    picture.paste(_LEFT, (0, 0), left)
    picture.paste(_RIGHT, (0, 0), right)
    _face(ImageDraw.Draw(picture), whole, look, pose)
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def _silhouette(pose: Pose, whole: int, look: Look, half: int) -> Image.Image:
    """Draw one half of the outline as a mask: the two halves meet in the middle."""
    mask = Image.new("L", (whole, whole))
    pen = ImageDraw.Draw(mask)

    def at(x: float, y: float) -> tuple[float, float]:
        return _at(x, y, whole, look)

    def oval(x: float, y: float, width: float, height: float) -> None:
        pen.ellipse((*at(x - width, y - height), *at(x + width, y + height)), fill=255)

    oval(0, 0.02, 0.25, 0.27)
    for side in (-1, 1):
        pen.polygon(
            [at(side * 0.08, -0.2), at(side * 0.22, -0.15), at(side * 0.24, -0.42)], fill=255
        )
        if pose == "sitting":
            oval(side * 0.24, 0.27, 0.13, 0.07)
            oval(side * 0.27, 0.08, 0.07, 0.1)
        else:
            pen.rectangle((*at(side * 0.12 - 0.05, 0.2), *at(side * 0.12 + 0.05, 0.42)), fill=255)
            raised = pose == "waving"
            pen.line([at(side * 0.2, 0.02), at(side * 0.38, -0.18 if raised else 0.2)], 255,
                     int(0.09 * look.size * whole))  # fmt: skip
    middle = at(0, 0)[0]
    gone = (middle, 0, whole, whole) if half == 0 else (0, 0, middle, whole)
    pen.rectangle(gone, fill=0)
    return mask


def _face(pen: ImageDraw.ImageDraw, whole: int, look: Look, pose: Pose) -> None:
    for side in (-1, 1):
        for radius, colour in ((0.075, _EYE), (0.035, _PUPIL)):
            box = (*_at(side * 0.1 - radius, -0.07 - radius, whole, look),
                   *_at(side * 0.1 + radius, -0.07 + radius, whole, look))  # fmt: skip
            pen.ellipse(box, fill=colour)
    mouth = (*_at(-0.09, 0.05, whole, look), *_at(0.09, 0.17, whole, look))
    pen.chord(mouth, 0, 180, fill=_PUPIL if pose == "waving" else _EYE)


def _at(x: float, y: float, whole: int, look: Look) -> tuple[float, float]:
    return (
        (0.5 + look.x + x * look.size) * whole,
        (0.5 + look.y + y * look.size) * whole,
    )
