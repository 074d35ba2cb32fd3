"""The scan: every model below some folders. Runs in a thread; knows no database.

What cannot be read is passed over with a line in the log, never an error: one broken download
must not hide the other models. What did not change since it was last read is not read again.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct, structs

from core.errors import HeliographError
from core.library import examine as examining
from core.library import folder, layouts
from core.library.examine import Found, Seen, examine
from core.library.layouts import HUB, Place

__all__ = ["MAX_DEPTH", "MAX_ENTRIES", "Found", "Passed", "Scan", "base", "examine", "look", "scan",
           "sha256_of"]  # fmt: skip

MAX_DEPTH = 8
MAX_ENTRIES = 100_000  # names looked at below one root
_CHUNK = 1 << 20  # bytes

log = logging.getLogger(__name__)


class Passed(Struct, frozen=True, kw_only=True):
    """A file or folder that was passed over, and why."""

    label: str
    file: str
    code: str
    reason: str = ""


class Scan(Struct, kw_only=True):
    """What a look through folders gave."""

    found: list[Found] = []  # new, or changed since; sorted by label and file
    same: set[tuple[str, str]] = set()  # (label, file) of what is as it was
    passed: list[Passed] = []
    broken: dict[tuple[str, str], str] = {}  # (label, file) of what is no sound model → its stamp
    whole: set[str] = set()  # labels below which everything was seen


class _Ask(NamedTuple):
    """What a look is for."""

    known: Mapping[tuple[str, str], str]
    broken: Mapping[tuple[str, str], str]
    suffixes: frozenset[str]
    names: Callable[[Path], Mapping[str, str]]


def scan(roots: Sequence[tuple[str, Path]]) -> list[Found]:
    """Find the models below each (label, folder), sorted by label and file."""
    return look(roots).found


def look(
    roots: Sequence[tuple[str, Path]],
    known: Mapping[tuple[str, str], str] | None = None,
    broken: Mapping[tuple[str, str], str] | None = None,
    *,
    pickles: bool = False,
    names: Callable[[Path], Mapping[str, str]] = lambda root: {},
) -> Scan:
    """Find the models below each (label, folder); read those that are not known as they are.

    At most eight folders deep and 100,000 names a root; a folder reached twice, through links or
    an overlapping root, is looked at once.

    :param known: (label, file) → the stamp under which it was last read.
    :param broken: likewise, of what is no sound model.
    :param pickles: whether to tell of them too, among what was passed over.
    :param names: folder of InvokeAI → the names that its database gives, by place in ``models/``.
    """
    suffixes = examining.SUFFIXES | (examining.PICKLES if pickles else frozenset())
    ask = _Ask(known or {}, broken or {}, suffixes, names)
    made = Scan()
    seen: set[tuple[int, int]] = set()
    for label, root in roots:
        if _Walk(label, root.absolute(), made, seen, ask).run():
            made.whole.add(label)
    made.found.sort(key=lambda one: (one.label, one.file))
    return made


def base(root: Path) -> Path:
    """Give the folder that the file names of a root start from: its parent if it is one model."""
    try:
        is_one = folder.is_known(root)
    except (HeliographError, OSError):
        return root
    return root.parent if is_one else root


def sha256_of(path: Path) -> str:
    """Hash a file, or a folder as the sorted names and hashes of its files. Slow: whole content.

    :raises OSError: when something cannot be read.
    """
    if not path.is_dir():
        return _hash_file(path)
    lines = hashlib.sha256()
    names = sorted(
        file.relative_to(path).as_posix()
        for file in path.rglob("*")
        if file.is_file()
        and not any(part.startswith(".") for part in file.parts[len(path.parts) :])
    )
    for name in names:
        lines.update(f"{name}\0{_hash_file(path / name)}\n".encode(errors="surrogateescape"))
    return lines.hexdigest()


class _Walk:
    """A look through one root."""

    def __init__(
        self, label: str, root: Path, made: Scan, seen: set[tuple[int, int]], ask: _Ask
    ) -> None:
        self._label, self._root = label, root
        self._made, self._seen, self._ask = made, seen, ask
        self._left = MAX_ENTRIES
        self._names: Mapping[str, str] = {}

    def run(self) -> bool:
        """Look through all places; say whether nothing was left out for want of a bound."""
        try:
            laid = layouts.of(self._root)
        except OSError as error:
            log.info("cannot read a model folder: %s", error.strerror)
            return True
        if laid.program == "invokeai":
            self._names = self._ask.names(self._root)
        for place in laid.places:
            self._below(place.path, 0, place)
        return self._left >= 0

    def _below(self, path: Path, depth: int, place: Place) -> None:
        try:
            status = path.stat()
            if (status.st_dev, status.st_ino) in self._seen:
                return
            self._seen.add((status.st_dev, status.st_ino))
            with os.scandir(path) as listing:
                entries = sorted(self._counted(listing), key=lambda entry: entry.name)
        except OSError as error:
            log.info("cannot read a model folder: %s", error.strerror, extra={"folder": str(path)})
            return
        names = {entry.name for entry in entries}
        if names & {folder.INDEX, "config.json"} and self._take(path, place, names):
            return
        for entry in entries:
            below = path / entry.name
            if entry.name.startswith("."):
                continue
            if _is_dir(entry):
                if depth < MAX_DEPTH:
                    self._below(below, depth + 1, place)
            elif below.suffix.lower() in self._ask.suffixes:
                self._take(below, place, names)

    def _counted(self, listing: Iterator["os.DirEntry[str]"]) -> Iterator["os.DirEntry[str]"]:
        for entry in listing:
            self._left -= 1
            if self._left < 0:
                log.warning(
                    "too many files below a model folder", extra={"folder": str(self._root)}
                )
                return
            yield entry

    def _take(self, path: Path, place: Place, names: Collection[str]) -> bool:
        """Note what one file or folder is; false for a folder that is to be looked through."""
        if examining.is_later_shard(path.name):
            return True
        file = path.relative_to(self._root).as_posix() if path != self._root else path.name
        seen: Seen | None = None
        try:
            file.encode()
            if path.is_dir() and not folder.is_known(path):
                return False
            seen = examining.see(path, names)
            if self._ask.known.get((self._label, file)) == seen.stamp:
                self._made.same.add((self._label, file))
                return True
            if self._ask.broken.get((self._label, file)) == seen.stamp:
                self._made.broken[self._label, file] = seen.stamp
                return True
            found = examine(path, self._label, self._root, seen)
            if found is not None:
                named = self._names.get(file.removeprefix("models/"))
                self._made.found.append(_placed(found, place, named))
        except (HeliographError, OSError, UnicodeEncodeError) as error:
            self._pass(file, error, seen)
            return True
        return found is not None

    def _pass(self, file: str, error: Exception, seen: Seen | None) -> None:
        shown = file.encode(errors="backslashreplace").decode()
        log.warning("passed over a model: %s", error, extra={"file": shown})
        code, reason = "model_unreadable", type(error).__name__
        if isinstance(error, HeliographError):
            code, reason = error.name, str(error.params.get("reason", ""))
            if seen is not None:
                self._made.broken[self._label, file] = seen.stamp
        self._made.passed.append(Passed(label=self._label, file=shown, code=code, reason=reason))


def _placed(found: Found, place: Place, named: str | None) -> Found:
    """Name a model whose own name says nothing, and its page where it is a copy from the hub.

    :param named: by the program whose folder it lies in.
    """
    path, said = found.path, found.said
    plain = found.format != "diffusers" or found.name == path.name
    if place.repository and said.link is None:
        said = structs.replace(said, link=HUB + place.repository)
    name = named or (layouts.name_of(found.name, path, place) if plain else found.name)
    return structs.replace(found, name=name, said=said)


def _is_dir(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
