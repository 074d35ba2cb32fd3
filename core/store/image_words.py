"""A search text as the index of words is asked for it: every word is the beginning of one.

FTS5 gives the pictures of ``"castle"`` as they are asked for, newest first. For ``"castle"*`` it
first gathers all pictures of all words that begin so, and that grows with the gallery. So a word
is written out as those words of the index that begin with it: there are few. Beginnings of two
and three letters have an index of their own and need no such care. Knows no pictures.
"""

import re
import sqlite3
import string
from collections.abc import Sequence

from msgspec import Struct

_WORDS = 16  # of a search that count
_SPELLED = 32  # words that a beginning is written out as; of more, FTS5 gathers the pictures
_PLAIN = re.compile(r"[A-Za-z0-9]+")  # what the tokenizer takes as it is, but for the case
_LETTERS = string.ascii_lowercase + string.digits
_INDEXED = 3  # letters: beginnings up to this length have an index
_AFTER = "\x01"  # sorts before anything that continues a word
_LAST = "\U0010ffff"


class Word(Struct, frozen=True):
    """One word of a search, as FTS5 reads it."""

    text: str
    flows: bool  # pictures come as they are asked for; else all are gathered first


def words(connection: sqlite3.Connection, search: str) -> list[Word] | None:
    """Read a search; None for a text of blanks, which asks for nothing.

    Every word is quoted, so that none is an operator. One without a letter or digit is passed over;
    a search of nothing else finds nothing.
    """
    asked = search.replace("\0", " ").split()[:_WORDS]
    if not asked:
        return None
    readable = [each for each in asked if any(map(str.isalnum, each))]
    return [_word(connection, each) for each in dict.fromkeys(readable)] or [Word('""', True)]


def together(asked: Sequence[Word]) -> str:
    """Ask for pictures that hold every word."""
    return " AND ".join(word.text for word in asked)


def _word(connection: sqlite3.Connection, word: str) -> Word:
    if not _PLAIN.fullmatch(word):
        return Word(f"{_quoted(word)}*", False)
    word = word.lower()
    if len(word) == 1:
        continued = " OR ".join(f"{_quoted(word + letter)}*" for letter in _LETTERS)
        return Word(f"({_quoted(word)} OR {continued})", True)
    if len(word) <= _INDEXED:
        return Word(f"{_quoted(word)}*", True)
    found = _spelled(connection, word)
    if len(found) > _SPELLED:
        return Word(f"{_quoted(word)}*", False)
    return Word(f"({' OR '.join(map(_quoted, found or [word]))})", True)


def _spelled(connection: sqlite3.Connection, beginning: str) -> list[str]:
    """List words of the index that begin so, from one to the next: it lists every occurrence."""
    found = connection.execute(
        """
        WITH RECURSIVE spelled (term) AS (
            SELECT (
                SELECT term
                FROM images_words
                WHERE term >= :beginning AND term <= :beginning || :last
                LIMIT 1
            )
            UNION ALL
            SELECT (
                SELECT term
                FROM images_words
                WHERE term >= spelled.term || :after AND term <= :beginning || :last
                LIMIT 1
            )
            FROM spelled
            WHERE spelled.term IS NOT NULL
            LIMIT :limit
        )
        SELECT term
        FROM spelled
        WHERE term IS NOT NULL
        """,
        {"beginning": beginning, "last": _LAST, "after": _AFTER, "limit": _SPELLED + 2},
    )
    return [str(each[0]) for each in found]


def _quoted(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
