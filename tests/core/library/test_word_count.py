"""How long a prompt is: held to the tokenizers that the engine reads by."""

from pathlib import Path

import pytest

from core.engine.models import tokens
from core.library.word_count import count
from core.paths import shipped

NOWHERE = Path("nowhere")
TEXTS = ["", "a red fox", "A quick Brown fox's jump — café 123 über, naïve 漢字 😀", "x" * 300]


@pytest.mark.parametrize("text", TEXTS)
def test_it_is_as_long_as_the_engine_reads_it(text: str) -> None:
    clip = tokens._clip(77, "<|endoftext|>")(text, add_special_tokens=False, verbose=False)
    t5 = tokens._t5(512)(text, add_special_tokens=False, verbose=False)
    for family, wanted in (("sd1", clip), ("flux", t5)):
        found = count(text, NOWHERE, family)
        assert found is not None
        assert found.tokens == len(wanted.input_ids)


def test_the_starter_reads_by_its_own_words() -> None:
    found = count("a (red:1.2) fox <lora:x:1>", shipped("starter"), "sd1")
    assert found is not None
    assert (found.tokens, found.window, found.windows, found.cut) == (3, 30, 1, False)


def test_a_long_prompt_takes_several_windows_and_is_cut_in_the_end() -> None:
    for words, windows, cut in ((75, 1, False), (76, 2, False), (75 * 32, 32, False),
                                (75 * 32 + 1, 32, True)):  # fmt: skip
        found = count("fox " * words, NOWHERE, "sd1")
        assert found is not None
        assert (found.tokens, found.windows, found.cut) == (words, windows, cut)
    broken = count("a fox BREAK an owl", NOWHERE, "sd1")
    assert broken is not None
    assert broken.windows == 2


def test_what_reads_one_window_alone_says_so() -> None:
    found = count("fox " * 600, NOWHERE, "flux")
    assert found is not None
    assert (found.window, found.windows, found.cut) == (511, 1, True)


def test_a_family_that_is_not_known_has_no_count() -> None:
    assert count("a fox", NOWHERE, "generic") is None
