r"""Templates: prompts with choices and wildcards, read into a tree.

    template = { text | choice | wildcard | escape }
    choice   = "{" [ count "$$" [ separator "$$" ] ] option { "|" option } "}"
    count    = n | low "-" high | low "-" | "-" high
    option   = [ weight "::" ] template
    wildcard = "__" name "__"
    escape   = "\" ( "{" | "}" | "|" | "_" )

A choice takes one of its options, or as many different ones as ``count`` says, in the order in
which they are written, with ``separator`` between them (", " where none is said). An option of
weight 2 is drawn twice as often as one of 1; one of 0 is left out. A name may hold ``*``, ``**``
and ``?`` (``core.graph.prompts.wildcards``). A backslash before any other character, and the two
of ``\\``, stay as they are, for the grammar of weights has escapes too; so do ``}`` and ``|``
outside of choices. Spaces around an option belong to it, unless a count is given.

The notation is that of https://github.com/adieyal/dynamicprompts. Knows no files and no chance.
"""

import re
from typing import NamedTuple

from core.errors import Invalid, Problem

MAX_TEXT = 16_384  # characters, of a template and of what comes of it
MAX_DEPTH = 32  # choices in choices, wildcards in wildcards

_HEAD = re.compile(
    r"\s*(?:(?P<low>\d{1,6})(?P<to>-(?P<high>\d{1,6})?)?|-(?P<most>\d{1,6}))\s*\$\$"
    r"(?:(?P<separator>[^{}|$\\]{0,64})\$\$)?"
)
_WEIGHT = re.compile(r"\s*(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})::")
_NAME = re.compile(r"__(?!_)([\w\-./*?]{1,128}?)__")
_SPECIAL = re.compile(r"[\\{}|]|__")
_ESCAPED = frozenset("{}|_")


class Reference(NamedTuple):
    """One line of the wildcards that have this name."""

    name: str
    position: int  # of its first character in the text, from 0


class Option(NamedTuple):
    """What a choice may take, and how often compared to the others."""

    weight: float
    parts: "Parts"


class Choice(NamedTuple):
    """Some of the options: at least ``low``, at most ``high``; None is as many as there are."""

    options: tuple[Option, ...]
    low: int
    high: int | None
    separator: str
    position: int


Part = str | Reference | Choice
Parts = tuple[Part, ...]


def refused(code: str, text: str, position: int, place: str = "", **params: str | int) -> Invalid:
    """Make the error of a template: characters are counted from 1, and some are shown.

    :param place: the wildcard whose line ``text`` is; empty for the prompt itself.
    """
    shown = text[position : position + 40].encode("utf-8", "replace").decode("utf-8")
    shown = f"{place}: {shown}" if place else shown
    told: dict[str, str | int | float | None] = {"position": position + 1, "excerpt": shown}
    told |= params
    return Invalid(code, problems=(Problem(code=code, params=told),), **told)


def parse(text: str, place: str = "") -> Parts:
    """Read a template, in time linear in its length.

    :param place: the wildcard whose line it is, for errors.
    :raises Invalid: ``prompt_brace_open``, ``prompt_too_deep``, or ``too_long`` above 16,384
        characters; with the position.
    """
    if len(text) > MAX_TEXT:
        problem = Problem(code="too_long", params={"max": MAX_TEXT})
        raise Invalid("too_long", problems=(problem,), max=MAX_TEXT)
    return _Reader(text, place).template(0, 0)[0]


def option_of(line: str, place: str) -> Option:
    """Read one line of the wildcard ``place``: a template, with a weight or without.

    :raises Invalid: as ``parse``.
    """
    found = _WEIGHT.match(line)
    if found is None:
        return Option(1.0, parse(line.strip(), place))
    return Option(float(found[1]), parse(line[found.end() :].strip(), place))


class _Reader:
    def __init__(self, text: str, place: str) -> None:
        self.text, self.place = text, place

    def template(self, at: int, depth: int) -> tuple[Parts, int]:
        """Read up to the end, or up to what ends an option; give where that is."""
        text, parts = self.text, _Parts()
        while found := _SPECIAL.search(text, at):
            start = found.start()
            parts.add(text[at:start])
            mark = found[0]
            if mark == "{":
                choice, at = self.choice(start, depth + 1)
                parts.take(choice)
            elif mark == "__":
                name = _NAME.match(text, start)
                if name is None:
                    at = start + 2
                    parts.add("__")
                else:
                    at = name.end()
                    parts.take(Reference(name[1], start))
            elif mark == "\\":
                at = start + 2
                pair = text[start:at]
                parts.add(pair[1:] if pair[1:] in _ESCAPED else pair)
            elif depth:
                return parts.done(), start
            else:
                at = start + 1
                parts.add(mark)
        parts.add(text[at:])
        return parts.done(), len(text)

    def choice(self, start: int, depth: int) -> tuple[Choice, int]:
        """Read a choice whose brace stands at ``start``; give where it has ended."""
        text = self.text
        if depth > MAX_DEPTH:
            raise refused("prompt_too_deep", text, start, self.place, limit=MAX_DEPTH)
        low, high, separator, at = _head(text, start + 1)
        counted = at > start + 1
        options: list[Option] = []
        while True:
            found = _WEIGHT.match(text, at)
            parts, end = self.template(at if found is None else found.end(), depth)
            if counted:
                parts = _trimmed(parts)
            options.append(Option(1.0 if found is None else float(found[1]), parts))
            if end == len(text):
                raise refused("prompt_brace_open", text, start, self.place)
            at = end + 1
            if text[end] == "}":
                return Choice(tuple(options), low, high, separator, start), at


class _Parts:
    """Parts being put together, where texts side by side are one."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        if text:
            self._texts.append(text)

    def take(self, part: Reference | Choice) -> None:
        self._flush()
        self._parts.append(part)

    def done(self) -> Parts:
        self._flush()
        return tuple(self._parts)

    def _flush(self) -> None:
        if self._texts:
            self._parts.append("".join(self._texts))
            self._texts.clear()


def _head(text: str, at: int) -> tuple[int, int | None, str, int]:
    """Read how many options are taken, and what stands between; one where nothing is said."""
    found = _HEAD.match(text, at)
    if found is None:
        return 1, 1, ", ", at
    separator = ", " if found["separator"] is None else found["separator"]
    if found["most"] is not None:
        return 0, int(found["most"]), separator, found.end()
    low = int(found["low"])
    if found["to"] is None:
        return low, low, separator, found.end()
    return low, None if found["high"] is None else int(found["high"]), separator, found.end()


def _trimmed(parts: Parts) -> Parts:
    """Take the spaces off both ends of an option."""
    kept = list(parts)
    if kept and isinstance(kept[0], str):
        kept[0] = kept[0].lstrip()
    if kept and isinstance(kept[-1], str):
        kept[-1] = kept[-1].rstrip()
    return tuple(part for part in kept if part != "")
