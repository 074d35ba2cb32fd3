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


class Stage(NamedTuple):
    """A part of the steps: from a share of them on, and from a number of them on."""

    share: float = 0.0
    step: int = 0


FIRST = Stage()


class Lora(NamedTuple):
    """An adapter that the prompt names, and how strongly it is applied.

    ``text`` is its weight on the text encoder, where that is another.
    """

    name: str
    weight: float
    text: float | None = None


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

    def stages(self) -> tuple[Stage, ...]:
        """List the stages that the prompt has, each moment of one kind with each of the other."""
        timed = [part.at for member in self.members for part in _timed(member.parts)]
        shares = sorted({0.0, *(at for at in timed if at < 1)})
        steps = sorted({0, *(int(at) for at in timed if at >= 1)})
        return tuple(Stage(share, step) for share in shares for step in steps)

    def chunks(self, stage: Stage = FIRST) -> tuple[tuple[float, tuple[Chunk, ...]], ...]:
        """Give the share and the chunks of each member in a stage."""
        return tuple((member.share, _chunks(member.parts, stage)) for member in self.members)


def begun(stage: Stage, done: int, steps: int) -> bool:
    """Say whether a stage has begun after ``done`` of ``steps``; the last that has is meant."""
    return stage.step <= done and int(stage.share * steps) <= done


def product(weight: float, other: float) -> float:
    """Multiply weights within ±100."""
    return max(-MAX_WEIGHT, min(MAX_WEIGHT, weight * other))


def _timed(parts: Sequence[Part]) -> Iterator[Scheduled]:
    for part in parts:
        if isinstance(part, Weighted):
            yield from _timed(part.parts)
        elif isinstance(part, Scheduled):
            yield part
            yield from _timed(part.before)
            yield from _timed(part.after)


def _chunks(parts: Parts, stage: Stage) -> tuple[Chunk, ...]:
    chunks: list[list[Fragment]] = [[]]
    for fragment in _flat(parts, 1.0, stage):
        last = chunks[-1]
        if fragment is None:
            chunks.append([])
        elif last and last[-1].weight == fragment.weight:
            last[-1] = Fragment(last[-1].text + fragment.text, fragment.weight)
        else:
            last.append(fragment)
    return tuple(tuple(chunk) for chunk in chunks)


def _flat(parts: Parts, weight: float, stage: Stage) -> Iterator[Fragment | None]:
    """Give the fragments in order; ``None`` where a chunk ends."""
    for part in parts:
        if isinstance(part, str):
            yield Fragment(part, weight)
        elif isinstance(part, Weighted):
            yield from _flat(part.parts, product(weight, part.weight), stage)
        elif isinstance(part, Scheduled):
            passed = part.at <= (stage.share if part.at < 1 else stage.step)
            yield from _flat(part.after if passed else part.before, weight, stage)
        else:
            yield None
