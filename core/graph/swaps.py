"""Search and replace in a text: several at once, so that none finds what another put in. Pure."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache


def swapped(text: str, by: Mapping[str, str]) -> str:
    """Put other words in the place of each that is searched for; the longest match goes first."""
    return _pattern(frozenset(by)).sub(lambda found: by[found[0]], text)


def grown(text: str, by: Mapping[str, str]) -> int:
    """Count the characters that ``swapped`` would give, without making them."""
    found = _pattern(frozenset(by)).finditer(text)
    return len(text) + sum(len(by[one[0]]) - len(one[0]) for one in found)


def unfound(text: str, searched: Collection[str]) -> set[str]:
    """Say which words would find no place, as they are not there or lie within longer ones."""
    return {*searched} - {found[0] for found in _pattern(frozenset(searched)).finditer(text)}


@lru_cache(maxsize=64)
def _pattern(searched: frozenset[str]) -> re.Pattern[str]:
    longest = sorted(searched, key=lambda words: (-len(words), words))
    return re.compile("|".join(map(re.escape, longest)))
