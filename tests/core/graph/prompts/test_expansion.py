"""Dynamic prompts: counted before they are made, drawn with a seed, never hanging."""

import itertools
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph.prompts import expansion, language
from core.graph.prompts.expansion import expand
from core.graph.prompts.wildcards import Found

FILES = {
    "colours/warm": ("red", "2::orange"),
    "colours/cold": ("blue",),
    "animals": ("a {big|small} fox", "__colours/warm__ owl"),
    "round/a": ("__round/b__",),
    "round/b": ("x", "__round/a__"),
    "open": ("fine", "{a|b"),
    "nothing": (),
}


def find(name: str) -> Found:
    if name == "colours/*":
        return [("colours/cold", FILES["colours/cold"]), ("colours/warm", FILES["colours/warm"])]
    return [(name, FILES[name])] if name in FILES else []


def every(text: str) -> list[str]:
    return expand(text, "combinatorial", find)


def refusal(text: str, mode: Any = "combinatorial", **more: Any) -> tuple[str, Any]:
    with pytest.raises(Invalid) as caught:
        expand(text, mode, find, **more)
    (problem,) = caught.value.problems
    return problem.code, problem.params.get("position")


class TestEveryResult:
    @pytest.mark.parametrize(
        ("text", "results"),
        [
            ("a fox", ["a fox"]),
            ("", [""]),
            ("a {red|blue} fox", ["a red fox", "a blue fox"]),
            ("{a|b}{1|2}", ["a1", "a2", "b1", "b2"]),
            ("a{ big|} fox", ["a big fox", "a fox"]),
            ("{2::a|0.5::b|0::c}", ["a", "b"]),
            ("{2$$a|b|c}", ["a, b", "a, c", "b, c"]),
            ("{1-2$$ and $$a|b|c}", ["a", "b", "c", "a and b", "a and c", "b and c"]),
            ("{-1$$a|b}", ["", "a", "b"]),
            ("{2-$$/$$a | b|c}", ["a/b", "a/c", "b/c", "a/b/c"]),
            ("{1-9$$+$$a|b}", ["a", "b", "a+b"]),
            ("{2$$+$${a|b}|{c|d}|e}", ["a+c", "a+d", "a+e", "b+c", "b+d", "b+e", "c+e", "d+e"]),
            ("{a|{b|c}|d}", ["a", "b", "c", "d"]),
            ("__colours/warm__", ["red", "orange"]),
            ("__colours/*__ hat", ["blue hat", "red hat", "orange hat"]),
            ("{2$$ $$__colours/*__}", ["blue red", "blue orange", "red orange"]),
            ("__animals__", ["a big fox", "a small fox", "red owl", "orange owl"]),
        ],
    )
    def test_is_made_in_order(self, text: str, results: list[str]) -> None:
        assert every(text) == results

    @pytest.mark.parametrize(
        ("text", "plain"),
        [
            (r"\{a\|b\}", "{a|b}"),
            (r"{a\|b|c\}}", None),
            ("a | b } c", "a | b } c"),
            (r"\_\_animals\_\_", "__animals__"),
            (r"(a:1.2) \(b\) \\ [c:d:0.4]", r"(a:1.2) \(b\) \\ [c:d:0.4]"),
            ("_____ __ snake_case __a b__", "_____ __ snake_case __a b__"),
            ("a\\", "a\\"),
        ],
    )
    def test_of_a_text_without_choices_is_that_text(self, text: str, plain: str | None) -> None:
        assert every(text) == ([plain] if plain else ["a|b", "c}"])

    def test_is_made_only_when_it_is_asked_for(self) -> None:
        words = language.read("{a|b}" * 200)
        assert words.count == language.MANY
        lazy = expansion.combinations(words)
        assert list(itertools.islice(lazy, 3)) == ["a" * 200, "a" * 199 + "b", "a" * 198 + "ba"]
        assert "b" in expansion.at(words, language.MANY - 1)
        with pytest.raises(IndexError):
            expansion.at(words, language.MANY)


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "refused"),
        [
            ("a {b|c", ("prompt_brace_open", 3)),
            ("a {b|{c}", ("prompt_brace_open", 3)),
            ("{3$$a|b}", ("prompt_choice_invalid", 1)),
            ("{3-2$$a|b|c|d}", ("prompt_choice_invalid", 1)),
            ("{0::a|0::b}", ("prompt_choice_invalid", 1)),
            ("x __nothing__", ("prompt_choice_invalid", 3)),
            ("x __none__", ("unknown_wildcard", 3)),
            ("x __round/a__", ("wildcard_cycle", 1)),
            ("x __open__", ("prompt_brace_open", 1)),
            ("{" * 40 + "}" * 40, ("prompt_too_deep", 33)),
            ("x" * 16_385, ("too_long", None)),
            ("{a|b}" * 14, ("expansion_too_large", None)),
            ("{50$$" + "|".join("abcdefghij" * 10) + "}", ("expansion_too_large", None)),
            ("{1-$$" + "|" * 8000 + "}", ("prompt_too_large", 1)),
        ],
    )
    def test_name_code_and_position(self, text: str, refused: tuple[str, int | None]) -> None:
        assert refusal(text) == refused

    def test_a_circle_is_named_with_its_chain(self) -> None:
        with pytest.raises(Invalid) as caught:
            every("__round/a__")
        assert caught.value.params["chain"] == "round/a → round/b → round/a"
        assert caught.value.params["excerpt"] == "round/b: __round/a__"

    def test_more_results_than_are_allowed_are_refused_before_the_first(self) -> None:
        assert refusal("{a|b|c}", most=2) == ("expansion_too_large", None)
        assert refusal("a", "random", count=10_001) == ("expansion_too_large", None)

    @pytest.mark.timeout(10)
    def test_files_that_double_each_other_are_refused_and_not_tried(self) -> None:
        def doubling(name: str) -> Found:
            level = int(name[1:])
            return [(name, (f"__w{level + 1}__ __w{level + 1}__" if level < 25 else "",))]

        with pytest.raises(Invalid) as caught:
            expand("__w0__", "random", doubling)
        assert caught.value.name == "prompt_too_large"

    def test_files_that_name_each_other_without_end_are_too_deep(self) -> None:
        with pytest.raises(Invalid) as caught:
            expand("__w0__", "random", lambda name: [(name, (f"__w{int(name[1:]) + 1}__",))])
        assert caught.value.name == "prompt_too_deep"


class TestChance:
    def test_is_a_function_of_seed_and_index(self) -> None:
        text = "{a|b|c} {2$$d|e|f} __animals__"
        first = expand(text, "random", find, seed=7, count=50)
        assert first == expand(text, "random", find, seed=7, count=50)
        assert first != expand(text, "random", find, seed=8, count=50)
        assert expansion.draw(language.read(text, find), 7, 49) == first[49]

    def test_is_the_same_on_every_machine(self) -> None:
        drawn = expand("{a|b|c|d|e|f}", "random", seed=1, count=8)
        assert "".join(drawn) == "fcabeaed"

    @pytest.mark.parametrize("text", ["{3::a|b}", "{1$$3::a|b}", "{1-1$$x$$3::a|1::b|0::c}"])
    def test_follows_the_weights(self, text: str) -> None:
        drawn = expand(text, "random", seed=3, count=4_000)
        assert 0.72 < drawn.count("a") / 4_000 < 0.78
        assert "c" not in drawn


LEAVES = st.sampled_from(["a", "b", "fox", "", " ", r"\{", "__animals__", "__colours/*__"])


def _choices(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    options = st.lists(st.lists(parts, max_size=2).map("".join), min_size=1, max_size=3)
    heads = st.sampled_from(["", "1$$", "-1$$", "0-1$$+$$", "1-$$ and $$"])
    return st.builds(lambda head, each: "{" + head + "|".join(each) + "}", heads, options)


TEMPLATES = st.lists(st.recursive(LEAVES, _choices, max_leaves=6), max_size=3).map("".join)


@given(text=TEMPLATES)
def test_the_count_is_right_and_what_is_drawn_is_among_all(text: str) -> None:
    words = language.read(text, find)
    if words.count > 2_000:
        return
    results = list(expansion.combinations(words))
    assert len(results) == words.count
    assert max(map(len, results)) <= words.longest
    assert {expansion.draw(words, 1, i) for i in range(20)} <= set(results)


@given(options=st.integers(1, 6), low=st.integers(0, 6), high=st.integers(0, 6))
def test_subsets_are_those_of_itertools(options: int, low: int, high: int) -> None:
    names = "abcdef"[:options]
    text = f"{{{low}-{high}$$+$${'|'.join(names)}}}"
    if low > min(high, options):
        assert refusal(text)[0] == "prompt_choice_invalid"
        return
    sizes = range(low, min(high, options) + 1)
    wanted = ["+".join(some) for k in sizes for some in itertools.combinations(names, k)]
    assert every(text) == wanted


PIECES = st.sampled_from(
    ["{", "}", "|", "$$", "1-2$$", "2::", "0::", "__", "__animals__", "__round/a__", "\\", "a",
     "{{{{", "{a|b}", "{1-$$", "\ud800", "__*__", "9" * 30, "-"]
)  # fmt: skip
HOSTILE = st.one_of(
    st.text(max_size=200),
    st.lists(PIECES, max_size=60).map("".join),
    st.builds(lambda piece, count: piece * count, PIECES, st.integers(1, 3_000)),
)


@settings(max_examples=200, deadline=5_000)
@given(text=HOSTILE)
@example(text="{" * 16_384)
@example(text="{" + "|" * 10_000 + "}")
@example(text="{a|b}" * 3_000)
@example(text="{1$$" + "a|" * 8_000 + "}")
@example(text="{a|" * 30 + "}" * 30)
@example(text="__" * 8_000)
@example(text="__a" * 5_000)
@example(text="{1" + "-" * 16_000)
@example(text="{2$$" + "x" * 16_000)
def test_any_text_is_expanded_or_refused_with_a_code(text: str) -> None:
    for mode in ("random", "combinatorial"):
        try:
            made = expand(text, mode, find, count=3)  # type: ignore[arg-type]  # names of modes
        except Invalid as error:
            assert re.fullmatch(r"[a-z_]+", error.name)
            assert error.problems
        else:
            assert all(len(each) <= 16_384 for each in made)
