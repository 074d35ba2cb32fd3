"""Styles: frames around a prompt, never longer than a prompt may be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph.prompts.styles import HOLE, MAX_LENGTH, styled

TEXTS = st.text(max_size=30) | st.text("{prompt} ,", max_size=30) | st.just(HOLE)


@pytest.mark.parametrize(
    ("text", "style", "wanted"),
    [
        ("a fox", "", "a fox"),
        ("a fox", "  ", "a fox"),
        ("a fox", "oil on canvas", "a fox, oil on canvas"),
        ("", "oil on canvas", "oil on canvas"),
        ("a fox", "a painting of {prompt}, framed", "a painting of a fox, framed"),
        ("a fox", "{prompt} and {prompt}", "a fox and a fox"),
        ("{prompt}", "a {prompt}!", "a {prompt}!"),
        ("a {red|blue} fox", "__medium__ of {prompt}", "__medium__ of a {red|blue} fox"),
    ],
)
def test_a_style_stands_around_or_behind(text: str, style: str, wanted: str) -> None:
    assert styled(text, style) == wanted


@given(TEXTS, TEXTS, TEXTS)
def test_what_a_text_holds_is_never_read_as_a_style(text: str, before: str, after: str) -> None:
    before, after = before.replace(HOLE, ""), after.replace(HOLE, "")
    style = before + HOLE + after
    if style.count(HOLE) == 1:
        assert styled(text, style) == before + text + after


@given(st.integers(0, 40), st.integers(0, 900))
def test_a_prompt_does_not_grow_without_end(holes: int, length: int) -> None:
    made = styled("x" * length, "y" + HOLE * holes)
    wanted = 1 + holes * length if holes else 1 + (length and length + 2)
    assert (made is None) == (wanted > MAX_LENGTH)
    assert made is None or len(made) == wanted
