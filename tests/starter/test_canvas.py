"""Scenes drawn many at a time."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from starter import canvas as drawing
from starter.canvas import Canvas, draw_background
from starter.scenes import COLOURS, Figure, Mix, Scene, make_scene
from starter.sprites import Atlas

CODES = ("f0", "f1", "f2")
RED = (200, 0, 90)  # the box's ink in the style "3d"


def box(**changes: float | bool) -> Scene:
    """Make a scene of one box on white, in the middle, half as large as the picture."""
    figure = Figure(code="f1", x=0.5, y=0.5, size=0.5, flip=False, light=1.0, colour=1.0)
    return Scene(
        figures=(replace(figure, **changes),), style="3d", top="white", bottom="white",
        small=False, place="center", tint=(0, 0, 0),
    )  # fmt: skip


def test_drawing_twice_gives_the_same_bytes_alone_and_among_others(atlas: Atlas) -> None:
    canvas = Canvas(atlas)
    scenes = [make_scene(0, index, CODES) for index in range(20)]
    together = canvas.draw(scenes, 32)
    assert torch.equal(together, canvas.draw(scenes, 32))
    alone = torch.cat([canvas.draw([scene], 32) for scene in scenes])
    assert torch.equal(together, alone)


def test_any_number_of_scenes_is_drawn_in_batches(
    atlas: Atlas, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = [make_scene(0, index, CODES) for index in range(7)]
    whole = Canvas(atlas).draw(scenes, 16)
    monkeypatch.setitem(drawing.BATCH, "cpu", 3)
    parts = list(Canvas(atlas).stream(scenes, 16))
    assert [len(part) for part in parts] == [3, 3, 1]
    assert torch.equal(torch.cat(parts), whole)


def test_a_figure_has_the_place_the_size_and_the_ink_it_was_given(atlas: Atlas) -> None:
    (picture,) = Canvas(atlas).draw([box(x=0.25, y=0.75)], 64)
    inked = (picture[0].int() - COLOURS["white"][0]).abs() > 30  # (H, W)
    rows, columns = inked.nonzero(as_tuple=True)
    assert abs(float(rows.float().mean()) - 47.5) < 1
    assert abs(float(columns.float().mean()) - 15.5) < 1
    assert abs(int(inked.sum()) - 30 * 30) < 70
    assert (picture[:, 48, 16] - torch.tensor(RED)).abs().max() <= 1


def test_a_flipped_figure_is_its_mirror_image(atlas: Atlas) -> None:
    atlas["f1", "3d"].paste((0, 0, 255, 255), (2, 2, 12, 30))  # its left half is blue
    plain, mirrored = Canvas(atlas).draw([box(), box(flip=True)], 64)
    assert (plain.int() - mirrored.flip(-1).int()).abs().max() <= 2


def test_a_small_figure_is_drawn_from_the_half_sized_sprite_without_stray_dots() -> None:
    dots = Image.new("RGBA", (32, 32))
    for at in range(0, 32, 2):
        for row in range(32):
            dots.putpixel((at, row), (255, 255, 255, 255))
    canvas = Canvas({("f1", "3d"): dots})
    (picture,) = canvas.draw([replace(box(size=0.5), top="black", bottom="black")], 32)
    middle = picture[0, 12:20, 12:20].float()
    assert 100 < float(middle.mean()) < 170  # half of the columns are white
    assert float(middle.std()) < 25


def test_light_and_colour_change_the_ink(atlas: Atlas) -> None:
    dark, pale = Canvas(atlas).draw([box(light=0.5), box(colour=0.0)], 32)
    assert (dark[:, 16, 16] - torch.tensor([100, 0, 45])).abs().max() <= 1
    assert int(pale[:, 16, 16].max()) - int(pale[:, 16, 16].min()) <= 1


def test_a_plain_background_is_its_colour_give_or_take_the_tint() -> None:
    scenes = [make_scene(5, index, CODES, Mix(gradient=0.0)) for index in range(50)]
    for scene, drawn in zip(scenes, draw_background(scenes, 8) * 255, strict=True):
        wanted = torch.tensor(COLOURS[scene.top]).view(3, 1, 1)
        assert (drawn - wanted).abs().max() <= 12.001


def test_a_gradient_runs_from_top_to_bottom() -> None:
    scene = make_scene(5, 0, CODES, Mix(gradient=1.0))
    (drawn,) = draw_background([scene], 16) * 255
    assert (drawn[:, 0] - torch.tensor(COLOURS[scene.top]).view(3, 1)).abs().max() <= 12.001
    assert (drawn[:, -1] - torch.tensor(COLOURS[scene.bottom]).view(3, 1)).abs().max() <= 12.001
