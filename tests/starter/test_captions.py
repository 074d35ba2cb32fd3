from starter.captions import COLOUR_WORDS, PLACE_WORDS, add_article, describe
from starter.scenes import Mix, make_scene
from starter.seeds import make_random
from starter.subjects import Subject

CODES = ("f0", "f1", "f2")
STYLE_WORDS = {"flat": "flat", "cartoon": "cartoon"}


def colour_is_named(colour: str, text: str) -> bool:
    return any(word in text for word in COLOUR_WORDS.get(colour, (colour,)))


def test_a_caption_names_every_subject_and_its_style(subjects: tuple[Subject, ...]) -> None:
    by_code = {subject.code: subject for subject in subjects}
    for index in range(500):
        scene = make_scene(0, index, CODES, Mix(pair=0.3))
        text = describe(scene, by_code, make_random(0, "caption", index))
        for figure in scene.figures:
            assert by_code[figure.code].name in text
        assert STYLE_WORDS.get(scene.style, "") in text


def test_a_caption_names_both_ends_of_the_background_unless_it_is_white(
    subjects: tuple[Subject, ...],
) -> None:
    by_code = {subject.code: subject for subject in subjects}
    for index in range(500):
        scene = make_scene(0, index, CODES, Mix(gradient=0.5))
        text = describe(scene, by_code, make_random(0, "caption", index))
        if scene.top == scene.bottom == "white" and "background" not in text:
            continue
        assert colour_is_named(scene.top, text)
        assert colour_is_named(scene.bottom, text)


def test_a_place_that_is_not_the_middle_is_named(subjects: tuple[Subject, ...]) -> None:
    by_code = {subject.code: subject for subject in subjects}
    for index in range(300):
        scene = make_scene(0, index, CODES, Mix(pair=0.0, small=1.0))
        text = describe(scene, by_code, make_random(0, "caption", index))
        assert "small" in text
        assert scene.place == "center" or any(word in text for word in PLACE_WORDS[scene.place])


def test_one_scene_has_many_captions(subjects: tuple[Subject, ...]) -> None:
    by_code = {subject.code: subject for subject in subjects}
    scene = make_scene(0, 1, CODES)
    texts = {describe(scene, by_code, make_random(0, "caption", step)) for step in range(100)}
    assert len(texts) > 15


def test_articles_follow_the_sound() -> None:
    assert add_article("owl") == "an owl"
    assert add_article("umbrella") == "an umbrella"
    assert add_article("unicorn") == "a unicorn"
    assert add_article("red cherries") == "red cherries"
