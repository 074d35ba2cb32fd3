from starter.scenes import Mix, held_colour, make_scene

CODES = ("f0", "f1", "f2")


def test_a_scene_is_a_function_of_seed_and_index() -> None:
    assert [make_scene(3, i, CODES) for i in range(50)] == [
        make_scene(3, i, CODES) for i in range(50)
    ]
    assert make_scene(3, 0, CODES) != make_scene(4, 0, CODES)


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


def test_a_pair_never_shows_one_subject_twice_however_often_it_is_favoured() -> None:
    for index in range(100):
        left, right = make_scene(1, index, ("f0", "f1", "f1", "f1"), Mix(pair=1.0)).figures
        assert left.code != right.code
