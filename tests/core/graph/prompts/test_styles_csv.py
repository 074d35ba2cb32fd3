"""Reading ``styles.csv``: as AUTOMATIC1111 writes it, and what nobody should have written."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from core.graph.prompts.styles_csv import Row, rows

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=20)
WORDS = TEXT.map(str.strip)


HEAD = ("name", "prompt", "negative_prompt")


def written(*found: tuple[str, ...], head: tuple[str, ...] = HEAD) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([head, *found])
    return out.getvalue()


@given(st.lists(st.tuples(WORDS.filter(bool), WORDS.filter(bool), WORDS), max_size=5))
def test_what_the_program_writes_is_read(styles: list[tuple[str, str, str]]) -> None:
    assert list(rows("\ufeff" + written(*styles))) == [Row(*style) for style in styles]


def test_older_files_name_their_prompts_text_and_have_no_second() -> None:
    text = written(("Oil", "oil, {prompt}"), head=("name", "text"))
    assert list(rows(text)) == [Row("Oil", "oil, {prompt}", "")]


def test_what_only_divides_the_menu_is_no_style() -> None:
    text = written(("None", "", ""), ("-- Paint --", "", ""), ("", "x", ""), ("Oil", "", "photo"))
    assert list(rows(text)) == [Row("Oil", "", "photo")]


@pytest.mark.parametrize(
    "text", ["", "x", "a,b\n1,2", 'name,prompt\n"open', "name\nx", 'name,prompt\na,"b"c"\n']
)
def test_what_is_no_table_of_styles_is_refused(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        list(rows(text, "/csv"))
    assert [(each.code, each.pointer) for each in caught.value.problems] == [
        ("styles_unreadable", "/csv")
    ]


@given(st.text(max_size=200) | st.text('name,prompt"\n\r{}', max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = list(rows(text))
    except Invalid:
        return
    assert all(row.name and (row.prompt or row.negative_prompt) for row in found)
