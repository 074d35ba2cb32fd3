"""The notation of prompts: what is weight, chunk, blend, moment or adapter, and what is text."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.graph.prompts.grammar import read
from core.graph.prompts.reading import Fragment, Lora, Reading, Stage, begun


def fragments(prompt: str, done: int = 0, steps: int = 10) -> list[list[tuple[str, float]]]:
    """Give text and weight, rounded, of each chunk of a prompt that is no blend."""
    stages = read(prompt).stages()
    stage = [stage for stage in stages if begun(stage, done, steps)][-1]
    ((share, chunks),) = read(prompt).chunks(stage)
    assert share == 1
    return [[(f.text, round(f.weight, 4)) for f in chunk] for chunk in chunks]


class TestWeights:
    @pytest.mark.parametrize(
        ("prompt", "read_as"),
        [
            ("a fox", [("a fox", 1)]),
            ("", []),
            ("a (red:1.2) fox", [("a ", 1), ("red", 1.2), (" fox", 1)]),
            ("(a: -0.5 )", [("a", -0.5)]),
            ("(red)", [("red", 1.1)]),
            ("((red))", [("red", 1.21)]),
            ("[red]", [("red", 0.9091)]),
            ("(a [b] c:2)", [("a ", 2), ("b", 1.8182), (" c", 2)]),
            ("(3:4)", [("3", 4)]),
            ("(a:b)", [("a:b", 1.1)]),
            ("(a:b:1.5)", [("a:b", 1.5)]),
            ("(a:1.2", None),
            ("red++ fox", [("red", 1.21), (" fox", 1)]),
            ("red--, fox", [("red", 0.81), (", fox", 1)]),
            ("(a red fox)++", [("a red fox", 1.21)]),
            ("(a red fox)-", [("a red fox", 0.9)]),
            ("(a:2)++ b", [("a", 2.42), (" b", 1)]),
            ("(a)-(b)", [("a", 1.1), ("-", 1), ("b", 1.1)]),
            (r"\(red\) \[x\] \\ c\++ \n", [(r"(red) [x] \ c++ \n", 1)]),
            (r"(\(red\):1.3)", [("(red)", 1.3)]),
        ],
    )
    def test_are_read(self, prompt: str, read_as: list[tuple[str, float]] | None) -> None:
        assert fragments(prompt) == [[(prompt, 1)] if read_as is None else read_as]

    @pytest.mark.parametrize(
        "prompt",
        ["a fox, blue; 3:4 ratio", "C++ish a+b x- 18+ -- ++", "well-known pre--post", "1 {a|b} 50%",
         "https://example.org/a", "a\nb\tc", "BREAKFAST 狐 🦊 \\", "<b> a < b > c", "$ __x__"],
    )  # fmt: skip
    def test_are_not_seen_in_plain_text(self, prompt: str) -> None:
        assert fragments(prompt) == [[(prompt, 1)]]
        assert not read(prompt).literal

    def test_stay_within_their_bounds(self) -> None:
        assert fragments("(((a:999):999):999)") == [[("a", 100)]]
        assert fragments("a" + "+" * 9_000) == [[("a", 100)]]

    @pytest.mark.parametrize("prompt", ["(a", "a)", "[a", "a]", "[a:b]", "[a|b]", "(a [b", ":)"])
    def test_without_their_other_half_are_text_and_remarked(self, prompt: str) -> None:
        assert fragments(prompt) == [[(prompt, 1)]]
        assert read(prompt).literal

    def test_close_around_a_bracket_that_was_left_open(self) -> None:
        assert fragments("(a [b) c") == [[("a [b", 1.1), (" c", 1)]]
        assert fragments("[(a:b:0.5]", 0) == [[("(a", 1)]]


class TestChunks:
    def test_end_at_a_break(self) -> None:
        assert fragments("a BREAK b") == [[("a ", 1)], [(" b", 1)]]
        assert fragments("BREAK") == [[], []]
        assert fragments("(a BREAK b:2)") == [[("a ", 2)], [(" b", 2)]]

    def test_are_what_and_joins(self) -> None:
        assert fragments('("a fox", "an (owl:2)").and()') == [
            [("a fox", 1)], [("an ", 1), ("owl", 2)]
        ]  # fmt: skip
        assert fragments("('a', 'b').and(1, 0.5)") == [[("a", 1)], [("b", 0.5)]]

    def test_of_a_blend_have_shares(self) -> None:
        assert read(r'("a \"fox\"", "b BREAK c").blend(3, 1)').chunks() == (
            (0.75, ((Fragment('a "fox"', 1.0),),)),
            (0.25, ((Fragment("b ", 1.0),), (Fragment(" c", 1.0),))),
        )
        assert [share for share, _ in read('("a","b").blend()').chunks()] == [0.5, 0.5]

    @pytest.mark.parametrize(
        "prompt",
        ['("a", "b").blend(1)', '("a", "b").blend(1, -1)', '("a", "b").or()', '("a", b).and()',
         '("a", "b").and() c', '("a".and()', '("a", "b").blend(1000, -999.9)'],
    )  # fmt: skip
    def test_of_joins_that_do_not_fit_are_text(self, prompt: str) -> None:
        assert len(read(prompt).members) == 1
        assert len(fragments(prompt)) == 1


class TestSchedules:
    @pytest.mark.parametrize(
        ("prompt", "texts"),
        [
            ("a [red:blue:0.4] fox", {0: "a red fox", 3: "a red fox", 4: "a blue fox"}),
            ("a [red :0.5]fox", {0: "a fox", 5: "a red fox"}),
            ("a [red ::0.5]fox", {0: "a red fox", 4: "a red fox", 9: "a fox"}),
            ("[a:b:7]", {6: "a", 7: "b"}),
            ("[a:[b:c:8]:2]", {1: "a", 2: "b", 7: "b", 8: "c"}),
            ("[a:b:0]", {0: "b"}),
            ("[a:b:50]", {9: "a"}),
            ("[a:b:.3][c:d:5.9][e:f:.7]", {2: "ace", 3: "bce", 5: "bde", 7: "bdf"}),
            ("[a:b:6][c:d:.3]", {0: "ac", 3: "ad", 6: "bd"}),
        ],
    )
    def test_change_the_text(self, prompt: str, texts: dict[int, str]) -> None:
        assert {done: fragments(prompt, done)[0][0][0] for done in texts} == texts

    def test_past_the_eighth_moment_are_text(self) -> None:
        prompt = "".join(f"[a:b:{i}]" for i in range(10))
        assert read(prompt).literal
        assert len(read(prompt).stages()) == 8
        assert fragments(prompt, 99, 100)[0][0][0] == "bbbbbbbb[a:b:8][a:b:9]"

    def test_hold_weights_and_stand_in_them(self) -> None:
        assert fragments("([(a:2):b:0.5]:3)", 0) == [[("a", 6)]]
        assert fragments("([(a:2):b:0.5]:3)", 5) == [[("b", 3)]]


class TestNames:
    def test_of_adapters_leave_the_text(self) -> None:
        reading = read("a <lora:ink-2:0.8>fox <lora:soft> <lora:ink-2:0.1:x> <lora::1> <lora:a:b>")
        assert [lora.name for lora in reading.loras] == ["ink-2", "soft", "a"]
        assert reading.loras[1] == Lora("soft", 1.0)
        assert round(reading.loras[0].weight, 6) == 0.9
        assert "ink" not in str(reading.chunks())

    @pytest.mark.parametrize(
        ("tag", "weights"),
        [
            ("<lyco:ink:0.5>", (0.5, None)),
            ("<lora:ink:0.5:0.25>", (0.25, 0.5)),
            ("<lora:ink:te=0:unet=0.5>", (0.5, 0.0)),
            ("<lora:ink:0.5:0.5><lora:ink:1>", (1.5, None)),
            ("<lora:ink:0.5:0><lora:ink:1>", (1.0, 1.5)),
        ],
    )
    def test_of_adapters_have_weights_for_both_networks(
        self, tag: str, weights: tuple[float, float | None]
    ) -> None:
        assert read(f"a {tag} fox").loras == (Lora("ink", *weights),)

    def test_of_embeddings_stay_in_it(self) -> None:
        reading = read("a <my-cat> and embedding:ink, <my-cat>")
        assert reading.embeddings == ("my-cat", "ink")
        assert fragments("a <my-cat>") == [[("a <my-cat>", 1)]]

    def test_are_no_more_than_the_cap(self) -> None:
        many = read("".join(f"<lora:{i}:1><e{i}>" for i in range(100)))
        assert (len(many.loras), len(many.embeddings)) == (64, 64)


PIECES = st.sampled_from(
    ["(", ")", "[", "]", ":", "1.2", ":1.2)", "++", "--", "\\", "<lora:a:1>", "<", ">", '"', "'",
     '("a", "b")', ".and()", ".blend(1,2)", "BREAK", " ", ",", "fox", "\ud800", "[a:b:0.4]", "|"]
)  # fmt: skip
HOSTILE = st.one_of(
    st.text(max_size=200),
    st.lists(PIECES, max_size=60).map("".join),
    st.builds(lambda piece, count: piece * count, PIECES, st.integers(1, 2_000)),
)


@settings(max_examples=200, deadline=5_000)
@given(prompt=HOSTILE)
@example(prompt="(" * 16_384)
@example(prompt="(" * 8_192 + ")" * 8_192)
@example(prompt="[(" * 4_000 + ")" * 8_000)
@example(prompt="(a:" * 5_000)
@example(prompt="(:" * 60 + ":" * 16_000)
@example(prompt='("' + "\\" * 16_000)
@example(prompt='("a",' * 3_000)
@example(prompt='("a").blend(' + "1" * 16_000)
@example(prompt="<lora:" * 2_500)
@example(prompt="embedding:" * 1_600)
@example(prompt=" " * 16_384)
def test_any_text_is_read(prompt: str) -> None:
    reading = read(prompt)
    assert reading.stages()[0] == Stage()
    assert len(reading.stages()) <= 25
    for stage in reading.stages():
        for share, chunks in reading.chunks(stage):
            assert -100 <= share <= 100
            assert chunks
            assert all(-100 <= each.weight <= 100 for chunk in chunks for each in chunk)


@given(text=st.text(st.characters(exclude_characters="\\()[]:<>+-"), max_size=100))
def test_plain_text_comes_back(text: str) -> None:
    if "BREAK" in text:
        return
    assert read(text) == Reading(read(text).members)
    assert fragments(text) == ([[(text, 1)]] if text else [[]])
