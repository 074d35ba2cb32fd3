"""Words of a run: prompts and what stands in their braces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records.training import Subject
from core.training import words


@pytest.mark.parametrize(
    ("noun", "article"),
    [
        ("dog", "a"), ("owl", "an"), ("hour glass", "an"), ("unicorn", "a"), ("Umbrella", "an"),
        ("European robin", "a"), ("the sun", ""), ("犬", ""), ("", ""), ("an owl", ""),
        ("honest man", "an"), ("one-eyed cat", "a"), ("ufo", "a"),
    ],
)  # fmt: skip
def test_an_article_follows_the_sound(noun: str, article: str) -> None:
    assert words.article(noun) == article


def test_the_default_prompts_name_token_and_class() -> None:
    subject = Subject(dataset="d", token="zxv", class_word="owl")
    assert words.instance_prompt(subject) == "a photo of zxv owl"
    assert words.class_prompt(subject) == "a photo of an owl"


def test_a_class_with_an_article_of_its_own_gets_no_second_one() -> None:
    assert words.class_prompt(Subject(dataset="d", class_word="the sun")) == "a photo of the sun"


def test_prompts_of_ones_own_are_filled_in() -> None:
    subject = Subject(
        dataset="d", token="zxv", class_word="toy", instance_prompt="{subject}: {token}, {class}"
    )
    assert words.instance_prompt(subject) == "zxv toy: zxv, toy"


def test_what_fills_a_place_is_not_filled_again() -> None:
    assert words.expand("{token} {class}", "{class}", "{token}") == "{class} {token}"


def test_other_braces_stay() -> None:
    assert words.expand("{red|blue} {subject} {x}", "t", "c") == "{red|blue} t c {x}"


def test_samples_show_the_subject_here_and_elsewhere_and_the_bare_class() -> None:
    found = words.samples([Subject(dataset="d", token="zxv", class_word="toy")])
    assert [one.role for one in found] == ["subject", "context", "drift"]
    assert ["zxv" in one.prompt for one in found] == [True, True, False]


def test_asked_samples_take_the_place_of_the_usual_ones() -> None:
    subject = Subject(dataset="d", token="zxv", class_word="toy")
    assert words.samples([subject], ["{subject} in a box"]) == [("zxv toy in a box", "asked")]


def test_many_subjects_have_a_bounded_number_of_samples() -> None:
    subjects = [Subject(dataset="d", token=f"t{n}", class_word=f"c{n}") for n in range(40)]
    assert len(words.samples(subjects)) == 16


@given(st.text(max_size=200), st.text(max_size=20), st.text(max_size=20))
def test_any_text_is_expanded_without_an_error(text: str, token: str, class_word: str) -> None:
    filled = words.expand(text, token, class_word)
    if "{" not in text:
        assert filled == text
