r"""The notation of prompts: weights, chunks, blends, schedules, adapters. Never an error.

    prompt    = joined | sequence
    joined    = "(" quoted { "," quoted } ")" ( ".and" | ".blend" ) "(" [ numbers ] ")"
    sequence  = { text | weighted | schedule | adapter | "BREAK" | escape }
    weighted  = "(" sequence ":" number ")" [ signs ]    weight is the number
              | "(" sequence ")" [ signs ]               1.1, or by the signs where there are some
              | "[" sequence "]"                         1 / 1.1
              | word signs                               two signs at least
    signs     = "+" { "+" } | "-" { "-" }                1.1 each, 0.9 each
    schedule  = "[" sequence ":" sequence ":" moment "]" one, then the other
              | "[" sequence ":" moment "]"              nothing, then this
              | "[" sequence "::" moment "]"             this, then nothing
    moment    = number                                   below 1 a share, else a count of steps
    adapter   = "<lora:" name [ ":" number ] ">"         and what else ``tags`` reads
    escape    = "\" ( "\" | "(" | ")" | "[" | "]" | "<" | ">" | ":" | "+" | "-" )

Weights in each other are multiplied. ``.and`` is a chunk for each text, with a weight; ``.blend``
is the mean of their encodings, by the numbers or in equal shares. Either is the whole prompt.
``<name>`` and ``embedding:name`` name embeddings. What is none of this is text, as it stands;
so is a bracket without its other half, one that is 64 deep, ``[a:b]``, ``[a|b]``, and a schedule
with a ninth moment.

Brackets are those of https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features, signs
and joined prompts those of https://github.com/damian0815/compel. Linear in the text's length.
"""

import re
from typing import NamedTuple

from core.graph.prompts.reading import (
    MAX_WEIGHT,
    Break,
    Lora,
    Member,
    Part,
    Parts,
    Reading,
    Scheduled,
    Weighted,
    product,
)  # fmt: skip
from core.graph.prompts.tags import NUMBER, adapter, summed

MAX_DEPTH = 64
MAX_NAMES = 64  # adapters of one prompt, and embeddings
MAX_MOMENTS = 8  # at which a prompt changes
MAX_JOINED = 16  # texts of .and and .blend

_ROUND, _SQUARE, _PLUS, _MINUS = 1.1, 1 / 1.1, 1.1, 0.9
_WEIGHT = re.compile(rf"\s*({NUMBER})\s*")
_SIGNS = re.compile(r"(\++|-+)(?=[\s,.;!?:)\]]|$)")
_EMBEDDING = re.compile(r"<([\w.\- ]{1,64})>|\bembedding:([\w.\-]{1,64})")
_TOKEN = re.compile(
    r"(?P<escape>\\.)|(?P<mark>[\\()\[\]:<])|(?P<space>\s+)|(?P<word>[^\\()\[\]:<\s,]+)|(?P<other>,)",
    re.DOTALL,
)
_ESCAPED = frozenset(r"\()[]<>:+-")
_QUOTED = re.compile(r"""\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')\s*([,)])""", re.DOTALL)
_QUOTE = re.compile(r"""\\(["'])""")
_CALL = re.compile(rf"\.(and|blend)\(\s*((?:{NUMBER}(?:\s*,\s*{NUMBER})*)?)\s*\)\s*")


class _Colon(NamedTuple):
    """A colon that may divide what stands in a bracket."""


class _Frame:
    """What stands in a bracket that is open; the outermost has none."""

    def __init__(self, mark: str) -> None:
        self.mark = mark
        self.parts: list[Part | _Colon] = []
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)

    def add(self, *parts: "Part | _Colon") -> None:
        for part in parts:
            if isinstance(part, str):
                self.texts.append(part)
            else:
                self.flush()
                self.parts.append(part)

    def flush(self) -> None:
        text = "".join(self.texts)
        self.texts.clear()
        if text:
            self.parts.append(text)

    def divided(self) -> list[list[Part]]:
        """Give what stands between the colons."""
        self.flush()
        pieces: list[list[Part]] = [[]]
        for part in self.parts:
            if isinstance(part, _Colon):
                pieces.append([])
            else:
                pieces[-1].append(part)
        return pieces


def read(prompt: str) -> Reading:
    """Read a prompt. Plain text comes back as it is; nothing is refused."""
    joined = _joined(prompt)
    if joined is not None:
        return joined
    reader = _Reader()
    return reader.reading(prompt, Member(1.0, reader.sequence(prompt)))


class _Reader:
    def __init__(self) -> None:
        self.literal = False
        self.loras: dict[str, Lora] = {}
        self.moments: set[float] = set()
        self._stack: list[_Frame] = []

    def reading(self, prompt: str, *members: Member) -> Reading:
        """Put together what was read, with each embedding that is named once."""
        names = dict.fromkeys(found[1] or found[2] for found in _EMBEDDING.finditer(prompt))
        return Reading(members, tuple(self.loras.values()), tuple(names)[:MAX_NAMES], self.literal)

    def sequence(self, text: str) -> Parts:
        """Read what is no joined prompt, from one end to the other."""
        self._stack = [_Frame("")]
        at = 0
        while found := _TOKEN.match(text, at):
            at = found.end()
            token, kind = found[0], found.lastgroup
            top = self._stack[-1]
            if kind == "escape":
                top.say(token[1] if token[1] in _ESCAPED else token)
            elif token == "BREAK":
                top.add(Break())
            elif kind == "word":
                _word(top, token, text[at : at + 1])
            elif token in ("(", "["):
                self._open(token)
            elif token in (")", "]"):
                at = self._close(token, text, at)
            elif token == ":" and len(self._stack) > 1:
                top.add(_Colon())
            elif token == "<" and (tag := adapter(text, found.start())):
                at = tag[1]
                self._lora(tag[0])
            else:
                top.say(token)
        while len(self._stack) > 1:
            self._give_up()
        return tuple(self._stack[0].divided()[0])

    def _lora(self, tag: Lora) -> None:
        if tag.name and (tag.name in self.loras or len(self.loras) < MAX_NAMES):
            self.loras[tag.name] = summed(self.loras.get(tag.name), tag)

    def _open(self, mark: str) -> None:
        if len(self._stack) > MAX_DEPTH:
            self.literal = True
            self._stack[-1].say(mark)
        else:
            self._stack.append(_Frame(mark))

    def _give_up(self) -> None:
        """Take the innermost bracket, which has no other half, as text."""
        frame = self._stack.pop()
        frame.flush()
        self.literal = True
        self._stack[-1].say(frame.mark)
        for part in frame.parts:
            inside = len(self._stack) > 1
            self._stack[-1].add(":" if isinstance(part, _Colon) and not inside else part)

    def _close(self, mark: str, text: str, at: int) -> int:
        """Close a bracket; give where the text goes on, behind the signs of a group."""
        other = "(" if mark == ")" else "["
        if all(frame.mark != other for frame in self._stack):
            self.literal = True
            self._stack[-1].say(mark)
            return at
        while self._stack[-1].mark != other:
            self._give_up()
        pieces = self._stack.pop().divided()
        below = self._stack[-1]
        if mark == ")":
            signs = _SIGNS.match(text, at)
            below.add(_round(pieces, signs[1] if signs else ""))
            return signs.end() if signs else at
        made = _square(pieces)
        moment = made.at if isinstance(made, Scheduled) else None
        if moment is not None and len(self.moments | {moment}) <= MAX_MOMENTS:
            self.moments.add(moment)
        elif moment is not None:
            made = None
        if made is None:
            self.literal = True
            below.add("[", *_whole(pieces), "]")
        else:
            below.add(made)
        return at


def _word(top: _Frame, word: str, following: str) -> None:
    """Add a word, with the weight that two or more signs at its end give it."""
    bare = word.rstrip("+-")
    signs = word[len(bare) :]
    alone = len(set(signs)) == 1 and len(signs) > 1
    if bare and alone and (not following or following in " \t\n,)]:"):
        top.add(Weighted((bare,), _of_signs(signs)))
    else:
        top.say(word)


def _of_signs(signs: str) -> float:
    return product((_PLUS if signs[0] == "+" else _MINUS) ** min(len(signs), 100), 1.0)


def _number(piece: list[Part]) -> float | None:
    found = _WEIGHT.fullmatch(piece[0]) if len(piece) == 1 and isinstance(piece[0], str) else None
    return float(found[1]) if found else None


def _round(pieces: list[list[Part]], signs: str) -> Weighted:
    weight = _number(pieces[-1]) if len(pieces) > 1 else None
    if weight is None:
        return Weighted(_whole(pieces), _of_signs(signs) if signs else _ROUND)
    weight = product(weight, _of_signs(signs) if signs else 1.0)
    return Weighted(_whole(pieces[:-1]), weight)


def _square(pieces: list[list[Part]]) -> Weighted | Scheduled | None:
    """Make what square brackets mean; ``None`` where it is not clear."""
    if len(pieces) == 1:
        between = any(isinstance(part, str) and "|" in part for part in pieces[0])
        return None if between else Weighted(_whole(pieces), _SQUARE)
    moment = _number(pieces[-1])
    if moment is None or moment < 0 or len(pieces) > 3:
        return None
    if len(pieces) == 2:
        pieces.insert(0, [])
    moment = moment if moment < 1 else float(int(moment))
    return Scheduled(tuple(pieces[0]), tuple(pieces[1]), moment)


def _whole(pieces: list[list[Part]]) -> Parts:
    """Put pieces together again, with their colons as text."""
    frame = _Frame("")
    for place, piece in enumerate(pieces):
        frame.add(*([":"] if place else []), *piece)
    return tuple(frame.divided()[0])


def _joined(prompt: str) -> Reading | None:
    """Read a prompt that is ``.and`` or ``.blend`` as a whole; ``None`` for any other."""
    texts: list[str] = []
    at = len(prompt) - len(prompt.lstrip()) + 1
    closed = prompt[at - 1 : at] != "("
    while not closed and len(texts) < MAX_JOINED and (found := _QUOTED.match(prompt, at)):
        texts.append(_QUOTE.sub(r"\1", found[1] if found[1] is not None else found[2]))
        at, closed = found.end(), found[3] == ")"
    call = _CALL.fullmatch(prompt, at) if texts and closed else None
    if call is None:
        return None
    weights = [float(number) for number in re.split(r"\s*,\s*", call[2])] if call[2] else []
    weights = weights or [1.0] * len(texts)
    whole, most = sum(weights), max(map(abs, weights))
    blend = call[1] == "blend"
    if len(weights) != len(texts) or (blend and not 0 < most <= MAX_WEIGHT * abs(whole)):
        return None
    reader = _Reader()
    read = [reader.sequence(text) for text in texts]
    if blend:
        members = [Member(w / whole, parts) for w, parts in zip(weights, read, strict=True)]
        return reader.reading(prompt, *members)
    parts: list[Part] = []
    for weight, each in zip(weights, read, strict=True):
        parts += [Break()] if parts else []
        parts.append(Weighted(each, product(weight, 1.0)))
    return reader.reading(prompt, Member(1.0, tuple(parts)))
