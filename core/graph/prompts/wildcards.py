"""Wildcards: text files of one option a line, in a folder of the data directory.

``colours/warm.txt`` is called ``colours/warm``. Lines that are empty or begin with ``#`` are left
out; every other line is a template with or without a weight. In a name ``*`` stands for any
characters but ``/``, ``**`` for any, ``?`` for one. No link is followed, and what is too large,
too many or too deep is refused or left out. Knows files, and nothing of what is in the lines.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from core.errors import Invalid, Problem

MAX_BYTES = 1 << 20  # of one file
MAX_LINES = 10_000  # of one file
MAX_FILES = 2_000
MAX_FOLDERS = 8  # in each other
MAX_STARS = 4  # of a name: each may be matched in as many ways as the name is long

Found = list[tuple[str, tuple[str, ...]]]  # names, and the lines of each
Find = Callable[[str], Found]  # what a name stands for; empty where there is no such file

_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def none(name: str) -> Found:
    """Find nothing: for prompts that may not name wildcards."""
    return []


class Wildcards:
    """The wildcards of one folder, as they were when they were first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: dict[str, tuple[str, ...]] = {}

    def find(self, name: str) -> Found:
        """Read the files that a name stands for, in the order of their names.

        :raises Invalid: ``wildcard_unreadable`` for one that is no UTF-8, or too large.
        """
        if not set(name) & set("*?"):
            return [(name, self._read(name))] if name in self.names else []
        if name.count("*") > MAX_STARS:
            return []
        pattern = _pattern(name)
        return [(each, self._read(each)) for each in self.names if pattern.fullmatch(each)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """List what is there, 2,000 files at most."""
        found = []
        for name in _walk(self._folder, "", MAX_FOLDERS):
            found.append(name)
            if len(found) == MAX_FILES:
                break
        return tuple(sorted(found))

    def _read(self, name: str) -> tuple[str, ...]:
        if name not in self._lines:
            self._lines[name] = _lines(name, self._bytes(name))
        return self._lines[name]

    def _bytes(self, name: str) -> bytes:
        try:
            with os.fdopen(os.open(self._folder / f"{name}.txt", _READ), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise _unreadable(name)
                return file.read(MAX_BYTES + 1)
        except OSError as error:
            raise _unreadable(name) from error


def _walk(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """Name the text files below a folder; of what cannot be listed there are none."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if depth > 1:
                    yield from _walk(folder / entry.name, f"{prefix}{entry.name}/", depth - 1)
            elif entry.name.endswith(".txt") and entry.is_file(follow_symlinks=False):
                yield prefix + entry.name.removesuffix(".txt")


def _lines(name: str, data: bytes) -> tuple[str, ...]:
    if len(data) > MAX_BYTES:
        raise _unreadable(name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _unreadable(name) from error
    if "\0" in text:
        raise _unreadable(name)
    lines = tuple(
        line
        for line in (each.strip() for each in text.split("\n"))
        if line and not line.startswith("#")
    )
    if len(lines) > MAX_LINES:
        raise _unreadable(name)
    return lines


def _pattern(name: str) -> re.Pattern[str]:
    steps = {"**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*|\*|\?)", name)
    return re.compile("".join(steps.get(piece, re.escape(piece)) for piece in pieces), re.DOTALL)


def _unreadable(name: str) -> Invalid:
    problem = Problem(code="wildcard_unreadable", params={"wildcard": name})
    return Invalid("wildcard_unreadable", problems=(problem,), wildcard=name)
