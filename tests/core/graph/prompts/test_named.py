"""Names of embeddings in prompts: marked or bare, whole words, the longest, wherever they stand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph.prompts import named

KNOWN = ["cat", "my-cat", "my cat", "EasyNegative", "v1.0 (best)"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a cat, a fox", ["cat"]),
        ("a Cat", ["Cat"]),
        ("category, bobcat, cat-like", []),
        ("my-cat and my cat", ["my-cat", "my cat"]),
        ("(embedding:cat:1.2)", ["embedding:cat"]),
        ("<my-cat>, <cat", ["<my-cat>", "cat"]),
        ("easynegative", ["easynegative"]),
        ("v1.0 (best)", ["v1.0 (best)"]),
        ("a fox", []),
    ],
)
def test_a_name_is_found_as_it_stands(text: str, found: list[str]) -> None:
    spans = named.spans(text, KNOWN)
    assert [text[span.start : span.end] for span in spans] == found
    for span, said in zip(spans, found, strict=True):
        assert span.name in KNOWN
        assert span.name.lower() == said.removeprefix("embedding:").strip("<>").lower()


def test_names_that_differ_in_case_are_told_apart_by_it() -> None:
    assert [one.name for one in named.spans("cat CAT Cat", ["cat", "CAT"])][:2] == ["cat", "CAT"]


def test_a_mark_without_a_model_is_told() -> None:
    text = "embedding:cat embedding:fox, (Embedding:owl:1.2) embedding:my cat"
    assert named.unknown(text, KNOWN) == ["fox", "owl"]
    marked = [span.marked for span in named.spans("cat embedding:cat <cat> <cat cat>", KNOWN)]
    assert marked == [False, True, True, False, False]


@given(st.text(max_size=200), st.lists(st.text(max_size=8), max_size=5))
def test_spans_lie_one_behind_the_other(text: str, known: list[str]) -> None:
    end = 0
    for span in named.spans(text, known):
        assert end <= span.start < span.end <= len(text)
        assert span.name in known
        end = span.end
