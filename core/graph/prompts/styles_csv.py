"""AUTOMATIC1111's ``styles.csv``: name, prompt, negative_prompt, a style a row. Knows no store."""

import csv
import io
from collections.abc import Iterator

from msgspec import Struct

from core.errors import Invalid, Problem

_COLUMNS = ("prompt", "text")  # the second in files of before 2023


class Row(Struct, frozen=True):
    """One style as the file has it."""

    name: str
    prompt: str
    negative_prompt: str


def rows(text: str, pointer: str = "") -> Iterator[Row]:
    """Read the styles of a file; rows without any words, which only divide its menu, are no style.

    :raises Invalid: ``styles_unreadable`` for what is no such table; may come after some rows.
    """
    try:
        reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
        names = [(name or "").strip() for name in reader.fieldnames or ()]
        column = next((name for name in _COLUMNS if name in names), None)
        if "name" not in names or column is None:
            raise Invalid(problems=(_unreadable(pointer, "name, prompt"),))
        reader.fieldnames = names
        for row in reader:
            made = Row(
                *((row.get(key) or "").strip() for key in ("name", column, "negative_prompt"))
            )
            if made.name and (made.prompt or made.negative_prompt):
                yield made
    except csv.Error as error:
        raise Invalid(problems=(_unreadable(pointer, str(error)),)) from error


def _unreadable(pointer: str, reason: str) -> Problem:
    return Problem(code="styles_unreadable", pointer=pointer, params={"reason": reason})
