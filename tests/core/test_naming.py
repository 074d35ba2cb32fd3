"""Names of downloads: whatever goes in, one part of a path comes out that every system takes."""

import re
import unicodedata

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core import naming

TEXTS = st.text(max_size=300) | st.text("./\\ -:~con1{}idprompt\u0301\u202e\n\t", max_size=40)


def sound(name: str) -> None:
    """See a name that Linux, macOS and Windows take, and no header or shell stumbles over."""
    assert name
    assert len(name.encode()) <= naming.MAX_BYTES
    assert not set(name) & set('/\\:*?"<>|')
    assert not [c for c in name if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert name == unicodedata.normalize("NFC", name)
    assert name[0] not in ". -" and name[-1] not in ". "
    assert not re.fullmatch(r"(?i)(con|prn|aux|nul|com\d|lpt\d)", name.split(".")[0].strip())


@given(TEXTS)
@example("CON")
@example("nul.tar.gz")
@example("com¹ .x")
@example("../../etc/passwd")
@example("a\r\nSet-Cookie: x")
@example("\u202egnp.exe")
@example("é" * 150)
@example("🦊" * 80)
@example("e\u200d\u0301")
@example("x" + "\u0301" * 300)
def test_any_text_becomes_a_name(text: str) -> None:
    sound(naming.safe(text, "01ID"))


@given(
    st.lists(st.tuples(TEXTS, st.sampled_from([".png", ".jpeg"])), max_size=8),
    st.integers(20, naming.MAX_BYTES),
)
def test_numbered_names_are_all_different_on_systems_that_fold_case(
    asked: list[tuple[str, str]], limit: int
) -> None:
    taken: set[str] = set()
    for text, extension in [*asked, *asked]:
        made = naming.numbered(naming.safe(text, "01ID"), extension, taken, limit)
        sound(made)
        assert len(made.encode()) <= limit and made.endswith(extension)
        assert naming.folded(made) not in taken
        taken.add(naming.folded(made))


def test_the_second_of_a_name_is_numbered() -> None:
    taken = {naming.folded("Fox.png"), naming.folded("fox-2.png")}
    assert naming.numbered("fox", ".png", taken) == "fox-3.png"
    assert naming.numbered("owl", ".png", taken) == "owl.png"


def test_a_pattern_is_filled_once_and_what_is_missing_is_left_out() -> None:
    values = {"prompt": "a {seed} fox", "seed": 7, "guidance_scale": 7.5, "steps": None}
    filled = naming.fill("{prompt}-{seed}-{guidance_scale}-{steps}", values)
    assert filled == "a {seed} fox-7-7.5-"


def test_a_long_prompt_leaves_room_for_what_stands_behind_it() -> None:
    name = naming.safe(naming.fill("{prompt} {seed}", {"prompt": "狐" * 999, "seed": 7}), "x")
    assert name.endswith(" 7") and name.startswith("狐狐")


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [("{id}", True), ("a {date} {prompt}-{seed}", True), ("", False), ("{nonsense}", False),
     ("{id", False), ("id}", False), ("{}", False), ("{{id}}", False), ("x" * 201, False)],
)  # fmt: skip
def test_only_what_is_known_stands_in_braces(pattern: str, fits: bool) -> None:
    if fits:
        assert msgspec.convert(pattern, naming.Pattern) == pattern
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(pattern, naming.Pattern)
