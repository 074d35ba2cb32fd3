"""Results of a template: drawn by chance with a seed, or all of them in order.

Pure: the same words, seed and index give the same text, on every machine.
"""

import heapq
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from math import log
from typing import Literal

from core.errors import Invalid, Problem
from core.graph.prompts.language import Pick, Words, read
from core.graph.prompts.wildcards import Find, none

MAX_RESULTS = 10_000
MAX_EFFORT = 4_000_000  # nodes that are visited for all results together
MAX_CHARACTERS = 4 << 20  # of all results together, as much as a request may bring

Mode = Literal["random", "combinatorial"]


def draw(words: Words, seed: int, index: int = 0) -> str:
    """Draw the result ``index`` of the stream that ``seed`` begins."""
    return _draw(words, random.Random(f"{seed}/{index}"))


def at(words: Words, rank: int) -> str:
    """Give the result at a place in the order of all: the last choice turns fastest.

    :raises IndexError: from ``words.count`` on.
    """
    if not 0 <= rank < words.count:
        raise IndexError(rank)
    return _at(words, rank)


def combinations(words: Words) -> Iterator[str]:
    """Give every result, one by one, as they are asked for."""
    return (_at(words, rank) for rank in range(words.count))


def expand(
    text: str,
    mode: Mode,
    find: Find = none,
    *,
    seed: int = 0,
    count: int = 1,
    most: int = MAX_RESULTS,
) -> list[str]:
    """Give ``count`` results drawn with a seed, or every one that there is.

    :raises Invalid: as ``language.read``; ``expansion_too_large`` for more results than
        ``most``, or than can be made in some seconds, before the first is made.
    """
    words = read(text, find)
    if mode == "random":
        return _made(words, count, most, lambda index: draw(words, seed, index))
    return _made(words, words.count, most, lambda index: _at(words, index))


def by_seeds(
    text: str, seeds: Sequence[object], find: Find = none, *, stream: int = 0
) -> list[str]:
    """Give for each seed the result that it draws.

    :param stream: another gives other results for the same seed.
    :raises Invalid: as ``expand``.
    """
    words = read(text, find)
    drawn = [random.Random(f"{seed}/{stream}") for seed in seeds]
    return _made(words, len(seeds), MAX_RESULTS, lambda index: _draw(words, drawn[index]))


def _made(words: Words, wanted: int, most: int, make: Callable[[int], str]) -> list[str]:
    """Make results, no more and no longer than is allowed."""
    if wanted > most or wanted * words.work > MAX_EFFORT:
        raise _too_many(min(most, max(1, MAX_EFFORT // words.work)))
    made: list[str] = []
    characters = 0
    for index in range(wanted):
        made.append(make(index))
        characters += len(made[-1])
        if characters > MAX_CHARACTERS:
            raise _too_many(index)
    return made


def _draw(words: Words, source: random.Random) -> str:
    """Draw each part. Of ``source`` only ``random()`` is used: it never changes."""
    texts = []
    for part in words.parts:
        if isinstance(part, str):
            texts.append(part)
        elif part.single:
            place = bisect_right(part.sums, source.random() * part.sums[-1])
            texts.append(_draw(part.options[min(place, len(part.options) - 1)], source))
        else:
            chosen = _some(part, source)
            texts.append(part.separator.join(_draw(part.options[i], source) for i in chosen))
    return "".join(texts)


def _some(pick: Pick, source: random.Random) -> list[int]:
    """Draw different options by their weights.

    Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir", algorithm A.
    """
    count = pick.low + int(source.random() * (pick.high - pick.low + 1))
    keys = [log(1 - source.random()) / weight for weight in pick.weights]
    return sorted(heapq.nlargest(count, range(len(keys)), keys.__getitem__))


def _at(words: Words, rank: int) -> str:
    """Take the rank apart, in digits whose bases are the counts of the choices."""
    texts = []
    for part in reversed(words.parts):
        if isinstance(part, str):
            texts.append(part)
        else:
            rank, digit = divmod(rank, part.count)
            texts.append(_single(part, digit) if part.single else _several(part, digit))
    return "".join(reversed(texts))


def _single(pick: Pick, rank: int) -> str:
    sums = pick.subsets[0]
    place = bisect_right(sums, rank)
    return _at(pick.options[place], rank - (sums[place - 1] if place else 0))


def _several(pick: Pick, rank: int) -> str:
    """Find the number of options, then which: first all that hold the first one, and so on."""
    count = pick.low
    while rank >= pick.subsets[count][0]:
        rank -= pick.subsets[count][0]
        count += 1
    texts: list[str] = []
    for place, option in enumerate(pick.options):
        if not count:
            break
        rest = pick.subsets[count - 1][place + 1]
        if rank < option.count * rest:
            texts.append(_at(option, rank // rest))
            rank %= rest
            count -= 1
        else:
            rank -= option.count * rest
    return pick.separator.join(texts)


def _too_many(limit: int) -> Invalid:
    problem = Problem(code="expansion_too_large", params={"limit": limit})
    return Invalid("expansion_too_large", problems=(problem,), limit=limit)
