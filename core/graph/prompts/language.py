"""The language of a template: everything it can become, counted and measured before it does.

A template names wildcards, and their lines others; here each is looked up and read once, so
that the whole is a graph without circles. Every node knows how many results it has and what
the largest of them costs, so no template hangs whoever asks for a result. Knows no files.
"""

import heapq
from collections.abc import Iterable, Sequence
from itertools import accumulate

from core.errors import Invalid
from core.graph.prompts import template
from core.graph.prompts.template import MAX_DEPTH, MAX_TEXT, Choice, Parts, Reference, refused
from core.graph.prompts.wildcards import Find, none

MANY = 2**63  # a count that is at least this is given as this
MAX_WORK = 20_000  # nodes that are visited for one result
MAX_SIZE = 400_000  # entries of all nodes together, and characters of all lines ÷ 8


class Words:
    """Texts and choices, one after another.

    ``count`` is of results, with those that read alike; ``work`` and ``longest`` are the most
    nodes and characters that one result takes; ``depth`` is of picks in each other.
    """

    __slots__ = ("count", "depth", "longest", "parts", "work")

    def __init__(self, parts: Sequence["str | Pick"]) -> None:
        self.parts = tuple(parts)
        self.count, self.work, self.longest, self.depth = 1, 1, 0, 0
        for part in self.parts:
            if isinstance(part, str):
                self.work += 1
                self.longest += len(part)
            else:
                self.count = min(MANY, self.count * part.count)
                self.work = min(MANY, self.work + part.work)
                self.longest = min(MANY, self.longest + part.longest)
                self.depth = max(self.depth, part.depth)


class Pick:
    """Between ``low`` and ``high`` of the options, in their order; none has a weight of 0.

    ``subsets[k][i]`` counts what can be made of k of the options from the i-th on. Where one is
    taken, ``subsets[0][i]`` counts what can be made of one of the options up to the i-th.
    """

    __slots__ = ("count", "depth", "high", "longest", "low", "options", "separator", "single",
                 "subsets", "sums", "weights", "work")  # fmt: skip

    def __init__(
        self, options: Sequence[tuple[float, Words]], low: int, high: int, separator: str
    ) -> None:
        self.options = tuple(words for _, words in options)
        self.weights = tuple(weight for weight, _ in options)
        self.low, self.high, self.separator = low, high, separator
        self.single = low == high == 1
        self.depth = 1 + max((words.depth for words in self.options), default=0)
        self.sums = tuple(accumulate(self.weights))
        counts = [words.count for words in self.options]
        work = _largest((words.work for words in self.options), high)
        longest = _largest((words.longest for words in self.options), high)
        self.work = min(MANY, 1 + work + (0 if self.single else len(counts)))
        self.longest = min(MANY, longest + max(0, high - 1) * len(separator))
        self.subsets: tuple[tuple[int, ...], ...]
        if self.single:
            self.subsets = (tuple(accumulate(counts)),)
            self.count = min(MANY, self.subsets[0][-1])
        else:
            self.subsets = _subsets(counts, high)
            self.count = min(MANY, sum(row[0] for row in self.subsets[low:]))


def read(text: str, find: Find = none) -> Words:
    """Read a template with all that it names.

    :raises Invalid: as ``template.parse``; ``unknown_wildcard``, ``wildcard_cycle``,
        ``wildcard_unreadable``; ``prompt_choice_invalid`` where a choice asks for more options
        than it has; ``prompt_too_deep``, ``prompt_too_large``; with the position.
    """
    words = _Builder(find).words(template.parse(text), _Place(text, (), 0))
    if words.longest > MAX_TEXT or words.work > MAX_WORK:
        raise refused("prompt_too_large", text, 0)
    return words


class _Place:
    """Where a template stands: in the prompt, or in a line of the last wildcard of ``chain``."""

    def __init__(self, text: str, chain: tuple[str, ...], depth: int) -> None:
        self.text, self.chain, self.depth = text, chain, depth

    def refused(self, code: str, position: int, **params: str | int) -> Invalid:
        return refused(code, self.text, position, self.chain[-1] if self.chain else "", **params)

    def below(self) -> "_Place":
        return _Place(self.text, self.chain, self.depth + 1)


class _Builder:
    def __init__(self, find: Find) -> None:
        self._find = find
        self._files: dict[str, list[tuple[float, Words]]] = {}
        self._picks: dict[str, Pick] = {}  # by the name in the reference
        self._size = 0

    def words(self, parts: Parts, place: _Place) -> Words:
        """Build what stands at a place."""
        self._grow(len(parts), place, 0)
        made: list[str | Pick] = []
        for part in parts:
            if isinstance(part, str):
                made.append(part)
                continue
            pick = (
                self._wildcard(part, place.below())
                if isinstance(part, Reference)
                else self._choice(part, place.below())
            )
            if place.depth + pick.depth > MAX_DEPTH:
                raise place.refused("prompt_too_deep", part.position, limit=MAX_DEPTH)
            made.append(pick)
        return Words(made)

    def _choice(self, choice: Choice, place: _Place) -> Pick:
        options: list[tuple[float, Words]] = []
        single = choice.low == choice.high == 1
        for option in choice.options:
            only = option.parts[0] if len(option.parts) == 1 else None
            if isinstance(only, Reference) and not single:  # some of its lines, and not one
                lines = self._options(only, place)
                options += [(option.weight * weight, words) for weight, words in lines]
            elif option.weight > 0:
                options.append((option.weight, self.words(option.parts, place)))
        return self._pick(options, choice, place)

    def _wildcard(self, reference: Reference, place: _Place) -> Pick:
        pick = self._picks.get(reference.name)
        if pick is None:
            one = Choice((), 1, 1, "", reference.position)
            pick = self._pick(self._options(reference, place), one, place)
            self._picks[reference.name] = pick
        return pick

    def _pick(self, options: list[tuple[float, Words]], asked: Choice, place: _Place) -> Pick:
        options = [(weight, words) for weight, words in options if weight > 0]
        high = len(options) if asked.high is None else min(asked.high, len(options))
        if asked.low > high or (asked.high is not None and asked.low > asked.high):
            raise place.refused("prompt_choice_invalid", asked.position)
        rows = 2 if asked.low == high == 1 else high + 2
        self._grow(rows * (len(options) + 1), place, asked.position)
        return Pick(options, asked.low, high, asked.separator)

    def _options(self, reference: Reference, place: _Place) -> list[tuple[float, Words]]:
        """Give the lines of every file that the name stands for."""
        found = self._find(reference.name)
        if not found:
            raise place.refused("unknown_wildcard", reference.position, wildcard=reference.name)
        options: list[tuple[float, Words]] = []
        for name, lines in found:
            if name in place.chain:
                circle = " → ".join((*place.chain[place.chain.index(name) :], name))
                raise place.refused("wildcard_cycle", reference.position, chain=circle)
            if name not in self._files:
                if place.depth > MAX_DEPTH:
                    raise place.refused("prompt_too_deep", reference.position, limit=MAX_DEPTH)
                self._files[name] = self._file(name, lines, place, reference.position)
            options += self._files[name]
            self._grow(len(self._files[name]), place, reference.position)
        return options

    def _file(
        self, name: str, lines: Sequence[str], place: _Place, position: int
    ) -> list[tuple[float, Words]]:
        made = []
        for line in lines:
            self._grow(1 + len(line) // 8, place, position)
            option = template.option_of(line, name)
            inside = _Place(line, (*place.chain, name), place.depth)
            made.append((option.weight, self.words(option.parts, inside)))
        return made

    def _grow(self, entries: int, place: _Place, position: int) -> None:
        self._size += entries
        if self._size > MAX_SIZE:
            raise place.refused("prompt_too_large", position)


def _largest(sizes: Iterable[int], count: int) -> int:
    return max(sizes, default=0) if count == 1 else sum(heapq.nlargest(count, sizes))


def _subsets(counts: Sequence[int], high: int) -> tuple[tuple[int, ...], ...]:
    """Count the results of k options from the i-th on, k up to ``high``: one row for each k."""
    rows = [[1] * (len(counts) + 1)]
    for _ in range(high):
        row = [0] * (len(counts) + 1)
        for i in reversed(range(len(counts))):
            row[i] = min(MANY, row[i + 1] + counts[i] * rows[-1][i + 1])
        rows.append(row)
    return tuple(map(tuple, rows))
