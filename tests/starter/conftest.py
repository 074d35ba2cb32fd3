"""Sprites drawn by the tests themselves: no package, no network."""

from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from starter.material import Material
from starter.plan import Plan
from starter.sprites import STYLES, Atlas
from starter.subjects import Subject

SHAPES = ("ball", "box", "wedge")


@pytest.fixture
def subjects() -> tuple[Subject, ...]:
    """Three subjects, with synonyms."""
    return tuple(
        Subject(code=f"f{n}", name=name, group="object", synonyms=(f"old {name}",), edition=1)
        for n, name in enumerate(SHAPES)
    )


@pytest.fixture
def atlas(subjects: tuple[Subject, ...]) -> Atlas:
    """Draw each subject in each style at 32 pixels."""
    drawn: Atlas = {}
    for subject, name in zip(subjects, SHAPES, strict=True):
        for number, style in enumerate(STYLES):
            sprite = Image.new("RGBA", (32, 32))
            pen = ImageDraw.Draw(sprite)
            ink = (200, 60 * number, 90, 255)
            if name == "ball":
                pen.ellipse((1, 1, 30, 30), fill=ink)
            elif name == "box":
                pen.rectangle((1, 1, 30, 30), fill=ink)
            else:
                pen.polygon([(1, 30), (30, 30), (15, 1)], fill=ink)
            drawn[subject.code, style] = sprite
    return drawn


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Plan a run of 16 pixels that takes no time."""
    return Plan(
        size=16,
        seed=0,
        device="cpu",
        work=tmp_path / "work",
        cache=tmp_path / "cache",
        model=tmp_path / "model",
        held=8,
    )


@pytest.fixture
def material(plan: Plan, subjects: tuple[Subject, ...], atlas: Atlas) -> Material:
    """Make the data of a tiny run."""
    return Material(plan, subjects, atlas, ["a photo of a thing", "naïve café"] * 8)
