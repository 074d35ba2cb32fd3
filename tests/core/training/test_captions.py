"""Captions: whatever bytes lie beside a picture, clean text comes out and nothing is raised."""

import json
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training import captions

SUFFIX = st.sampled_from([*captions.SUFFIXES, ".TXT", ".JSON"])
WORDS = st.text(st.characters(categories=("L", "N", "P", "S")), min_size=1, max_size=40)


def clean(text: str | None) -> None:
    assert text is None or (text and text == text.strip())
    if text is not None:
        assert len(text) <= captions.MAX_CAPTION
        assert unicodedata.is_normalized("NFC", text)
        assert not [one for one in text if unicodedata.category(one) in ("Cc", "Cs")]
        text.encode("utf-8")


@given(st.binary(max_size=300), SUFFIX)
def test_any_bytes_give_clean_text_or_none(data: bytes, suffix: str) -> None:
    clean(captions.read(data, suffix).text)
    for one in captions.listed(data).values():
        clean(one.text)


@given(st.text(max_size=5000))
def test_any_text_gives_a_clean_caption_and_cleaning_again_changes_nothing(text: str) -> None:
    told = captions.caption(text).text
    clean(told)
    assert captions.caption(told or "").text == told


@given(st.text(st.characters(max_codepoint=255), max_size=300))
def test_any_header_gives_clean_text_or_none(value: str) -> None:
    clean(captions.of_header(value).text)


@given(WORDS)
def test_what_is_percent_encoded_comes_back_as_it_was(text: str) -> None:
    wanted = captions.cleaned(text) or None
    assert captions.of_header(quote(text, safe="")).text == wanted
    assert captions.of_header("UTF-8''" + quote(text, safe="")).text == wanted
    assert captions.of_header("utf-8'de'" + quote(text)).text == wanted


@pytest.mark.parametrize(
    ("encoding", "told"),
    [("utf-8", None), ("utf-8-sig", None), ("utf-16", "utf-16"), ("utf-32", "utf-32"),
     ("cp1252", "cp1252")],
)  # fmt: skip
def test_each_encoding_is_read_and_told(encoding: str, told: str | None) -> None:
    found = captions.read("a “red” fox – café".encode(encoding))
    assert found.text == "a “red” fox – café"
    assert [note.params.get("encoding") for note in found.notes] == ([told] if told else [])


@pytest.mark.parametrize("mark", ["<", ">"])
def test_both_orders_of_utf_16_are_read(mark: str) -> None:
    text = "\ufeffein Fuchs".encode("utf-16-le" if mark == "<" else "utf-16-be")
    assert captions.read(text).text == "ein Fuchs"


def test_the_bytes_that_other_trainers_stumble_over_are_text() -> None:
    assert captions.read(b"it\x92s a\xa0fox").text == "it’s a fox"
    assert captions.read(b"\x81\x8d fox").text == "fox"


def test_lines_controls_and_split_accents_are_put_right() -> None:
    assert captions.read("a\r\n fox\x00,\tcafe\u0301 ".encode()).text == "a fox, café"
    assert captions.read(b" \r\n\t").text is None
    assert captions.read(b"").text is None


def test_a_long_caption_is_cut_after_a_word_and_that_is_told() -> None:
    found = captions.caption("fuchs " * 1000)
    assert found.text is not None and found.text.endswith("fuchs")
    assert len(found.text) <= captions.MAX_CAPTION
    assert [note.code for note in found.notes] == ["caption_shortened"]
    whole = captions.caption("x" * 9000).text
    assert whole == "x" * captions.MAX_CAPTION
    exact = captions.caption("x" * captions.MAX_CAPTION)
    assert exact.text == "x" * captions.MAX_CAPTION and not exact.notes


@pytest.mark.parametrize("key", ["caption", "text", "prompt"])
def test_json_is_read_by_each_of_its_keys(key: str) -> None:
    assert captions.read(json.dumps({"tags": 3, key: "a fox"}).encode(), ".json").text == "a fox"
    marked = json.dumps({key: "a fox"}).encode("utf-8-sig")
    assert captions.read(marked, ".json") == captions.Caption("a fox")


@pytest.mark.parametrize(
    "data", [b"{", b"[" * 100_000, b"[1]", b'{"caption": 4}', b"\xff\xfe{", b"", b"nan"]
)
def test_json_that_says_nothing_is_told(data: bytes) -> None:
    found = captions.read(data, ".json")
    assert (found.text, [note.code for note in found.notes]) == (None, ["caption_unreadable"])


def test_an_image_folder_lists_captions_by_name() -> None:
    lines = [
        '{"file_name": "a.png", "text": "a fox"}', "", "nonsense", '{"file_name": "b.png"}',
        '{"file_name": 3, "text": "x"}', '{"file_name": "c/d.png", "prompt": "an owl"}', "[]",
    ]  # fmt: skip
    found = captions.listed("\r\n".join(lines).encode("utf-8-sig"))
    assert {name: one.text for name, one in found.items()} == {
        "a.png": "a fox",
        "c/d.png": "an owl",
    }
