"""Names of models in a prompt's text: which are meant, and where they stand.

Adapters are named by tags. Embeddings are named by ``embedding:name``, or by their bare name where
it stands as a word of its own; whether a word is a name, only a library knows.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from core.graph.prompts import grammar
from core.graph.prompts.reading import Lora

_MARK = "embedding:"
_MARKED = re.compile(rf"\b{_MARK}([\w.\-]{{1,64}})", re.IGNORECASE)


class Span(NamedTuple):
    """Where a name stands in a text, with what marks it as one."""

    name: str
    start: int
    end: int
    marked: bool  # else it is a word that could be meant as one


@lru_cache(maxsize=1024)  # of the prompts of a sweep each is asked for at every turn
def loras(text: str) -> tuple[Lora, ...]:
    """List the adapters that the tags of a text name, each once, with its weights."""
    return grammar.read(text).loras if "<l" in text else ()


def spans(text: str, known: Collection[str]) -> list[Span]:
    """Find the names of ``known`` embeddings in a text, from its start to its end.

    With the mark, in angle brackets, or bare, as AUTOMATIC1111 does it; in any case of letters,
    and the longest where several begin. Names that differ in case alone are told apart by it.
    """
    low = text.lower()
    present = sorted((n for n in known if n and n.lower() in low), key=lambda n: (-len(n), n))
    if not present:
        return []
    either = "|".join(map(re.escape, present))
    pattern = re.compile(
        rf"(?:(?P<open><)|\b{_MARK})?(?<![\w\-])(?P<name>{either})(?![\w\-])(?P<close>>)?",
        re.IGNORECASE,
    )
    by_case = {name.lower(): name for name in reversed(present)}
    found = []
    for each in pattern.finditer(text):
        said, (start, end) = each["name"], each.span()
        start += bool(each["open"] and not each["close"])  # half a pair is text
        end -= bool(each["close"] and not each["open"])
        name = said if said in known else by_case.get(said.lower())
        if name is not None:  # some letters have a lower case of two
            marked = each.span() != each.span("name") and start < each.start("name")
            found.append(Span(name, start, end, marked))
    return found


def unknown(text: str, known: Collection[str]) -> list[str]:
    """List the embeddings that a text names by the mark and that are not among ``known``."""
    there = {span.start for span in spans(text, known)}
    marked = (found for found in _MARKED.finditer(text) if found.start() not in there)
    return list(dict.fromkeys(found[1] for found in marked))[: grammar.MAX_NAMES]
