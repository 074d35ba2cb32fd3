import itertools

import numpy as np

from starter.scenes import COLOURS, Mix, draw_background, draw_scene, held_colour, make_scene
from starter.sprites import Atlas

CODES = ("f0", "f1", "f2")


def test_a_scene_is_a_function_of_seed_and_index() -> None:
    assert [make_scene(3, i, CODES) for i in range(50)] == [
        make_scene(3, i, CODES) for i in range(50)
    ]
    assert make_scene(3, 0, CODES) != make_scene(4, 0, CODES)


def test_drawing_a_scene_twice_gives_the_same_bytes(atlas: Atlas) -> None:
    for index in range(20):
        scene = make_scene(0, index, CODES)
        first, second = (draw_scene(scene, atlas, 32).tobytes() for _ in range(2))
        assert first == second


def test_no_figure_leaves_the_picture() -> None:
    for index in range(500):
        for figure in make_scene(1, index, CODES).figures:
            for centre in (figure.x, figure.y):
                assert -0.03 <= centre - figure.size / 2
                assert centre + figure.size / 2 <= 1.03


def test_a_pair_stands_left_and_right_without_touching() -> None:
    for index in range(200):
        left, right = make_scene(1, index, CODES, Mix(pair=1.0)).figures
        assert left.code != right.code
        assert left.x + left.size / 2 <= right.x - right.size / 2 + 0.09


def test_a_subject_is_never_shown_on_its_held_colour() -> None:
    for index in range(1000):
        scene = make_scene(2, index, CODES)
        for figure in scene.figures:
            assert held_colour(figure.code) not in (scene.top, scene.bottom)


def test_a_plain_background_is_its_colour_give_or_take_the_tint() -> None:
    scenes = (make_scene(5, i, CODES, Mix(gradient=0.0)) for i in itertools.count())
    for scene in itertools.islice(scenes, 50):
        pixels = np.asarray(draw_background(scene, 8), np.int16)
        assert np.abs(pixels - COLOURS[scene.top]).max() <= 13


def test_a_gradient_runs_from_top_to_bottom() -> None:
    scene = make_scene(5, 0, CODES, Mix(gradient=1.0))
    pixels = np.asarray(draw_background(scene, 16), np.int16)
    assert np.abs(pixels[0] - COLOURS[scene.top]).max() <= 13
    assert np.abs(pixels[-1] - COLOURS[scene.bottom]).max() <= 13
