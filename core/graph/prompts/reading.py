"""What a prompt says, once it is read: words with weights, in chunks, that may change on the way.

Knows no notation (``grammar`` does) and no tokens (``core.engine.models.text`` does).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

MAX_WEIGHT = 100.0  # however many weights are multiplied


class Break(NamedTuple):
    """Here a chunk ends and the next begins."""


class Weighted(NamedTuple):
    """Parts whose weights are multiplied."""

    parts: "Parts"
    weight: float


class Scheduled(NamedTuple):
    """Parts that others take the place of, from a moment on.

    ``at`` is a share of the steps below 1, and a number of steps from there on.
    """

    before: "Parts"
    after: "Parts"
    at: float


Part = str | Weighted | Scheduled | Break
Parts = tuple[Part, ...]


class Lora(NamedTuple):
    """An adapter that the prompt names, and how strongly it is applied."""

    name: str
    weight: float


class Fragment(NamedTuple):
    """Text of one weight."""

    text: str
    weight: float


Chunk = tuple[Fragment, ...]


class Member(NamedTuple):
    """One prompt of a blend; the shares of all members make 1."""

    share: float
    parts: Parts


class Reading(NamedTuple):
    """A prompt as it was read.

    ``embeddings`` stay in the text as well. ``literal`` says that something looked like notation
    and was taken as text: a bracket without its other half, a blend whose numbers do not fit.
    """

    members: tuple[Member, ...]
    loras: tuple[Lora, ...] = ()
    embeddings: tuple[str, ...] = ()
    literal: bool = False

    def moments(self, steps: int) -> tuple[int, ...]:
        """List the numbers of steps after which the prompt changes, in order."""
        found = {_step(part.at, steps) for member in self.members for part in _timed(member.parts)}
        return tuple(sorted(step for step in found if 0 < step < steps))

    def chunks(self, done: int = 0, steps: int = 1) -> tuple[tuple[float, tuple[Chunk, ...]], ...]:
        """Give the share and the chunks of each member for the step after ``done`` of ``steps``."""
        return tuple((m.share, _chunks(m.parts, done, steps)) for m in self.members)


def product(weight: float, other: float) -> float:
    """Multiply weights within ±100."""
    return max(-MAX_WEIGHT, min(MAX_WEIGHT, weight * other))


def _step(at: float, steps: int) -> int:
    """Count the steps before a moment, as A1111 does: whole steps of the share."""
    return int(at * steps) if at < 1 else int(at)


def _timed(parts: Sequence[Part]) -> Iterator[Scheduled]:
    for part in parts:
        if isinstance(part, Weighted):
            yield from _timed(part.parts)
        elif isinstance(part, Scheduled):
            yield part
            yield from _timed(part.before)
            yield from _timed(part.after)


def _chunks(parts: Parts, done: int, steps: int) -> tuple[Chunk, ...]:
    chunks: list[list[Fragment]] = [[]]
    for fragment in _flat(parts, 1.0, done, steps):
        last = chunks[-1]
        if fragment is None:
            chunks.append([])
        elif last and last[-1].weight == fragment.weight:
            last[-1] = Fragment(last[-1].text + fragment.text, fragment.weight)
        else:
            last.append(fragment)
    return tuple(tuple(chunk) for chunk in chunks)


def _flat(parts: Parts, weight: float, done: int, steps: int) -> Iterator[Fragment | None]:
    """Give the fragments in order; ``None`` where a chunk ends."""
    for part in parts:
        if isinstance(part, str):
            yield Fragment(part, weight)
        elif isinstance(part, Weighted):
            yield from _flat(part.parts, product(weight, part.weight), done, steps)
        elif isinstance(part, Scheduled):
            chosen = part.before if done < _step(part.at, steps) else part.after
            yield from _flat(chosen, weight, done, steps)
        else:
            yield None
