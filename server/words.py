"""The words people read: ``i18n/*.json``, chosen by ``Accept-Language``.

Falls back from the asked language to English, and from English to the bare code, so that a
missing sentence is never an error. A language is a file: one that is put there is offered.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unicodedata import normalize

import msgspec

from core.errors import Params, Problem
from server import languages

Say = Callable[[str, str], str]  # (key, what is said where nobody translated it) → words
SOURCE = "en"
ABOUT = "about."  # descriptions, which go out with what they describe
# Parameters that are one of a few, and where the words of their values are.
_WORDED = {
    "kind": "ui.kind.", "method": "value.method.", "scope": "ui.scope.",
    "status": "value.status.", "wanted": "ui.kind.",
}  # fmt: skip
_PLACEHOLDER = re.compile(r"\{\{?\s*(\w+)\s*\}?\}")


class _Named(msgspec.Struct):
    """What a language calls itself, without the rest of its file."""

    name: str = msgspec.field(name="language.name", default="")


class Words:
    """Every language there is, read once: call the constructor where files may be read.

    Most are never spoken, so that a file's sentences are taken apart when the first is asked for.
    """

    def __init__(self, folder: Path, default: str = SOURCE, own: Path | None = None) -> None:
        """Read the languages of `folder`, and those of `own`, which may replace them."""
        found = [file for place in (folder, own) if place for file in place.glob("*.json")]
        files = {file.stem: file for file in found if languages.read(file.stem)}
        self._files = {code: file.read_bytes() for code, file in sorted(files.items())}
        self._tables: dict[str, dict[str, str]] = {}
        self._pages: dict[str, bytes] = {}
        self._names: dict[str, str] = {}
        self._default = SOURCE
        self.speak(default)

    def speak(self, language: str) -> None:
        """Make a language the one for callers who ask for none; an unknown one is English."""
        self._default = languages.fit(language, self._files) or SOURCE

    @property
    def codes(self) -> list[str]:
        """List the languages there are."""
        return list(self._files) or [SOURCE]

    def names(self) -> dict[str, str]:
        """Map each language to its name in itself, in their order: ``{"de": "Deutsch"}``."""
        if not self._names:
            found = {code: self._name(code) for code in self.codes}
            self._names = dict(sorted(found.items(), key=lambda item: _letters(item[1])))
        return dict(self._names)

    def file(self, code: str) -> bytes | None:
        """Give a language as the page reads it; ``None`` when there is none.

        Descriptions are left out: the page has them from what they describe.
        """
        if code in self._files and code not in self._pages:
            self._pages[code] = _page(self._table(code))
        return self._pages.get(code)

    def choose(self, accept: str | None) -> str:
        """Pick the language that fits an ``Accept-Language`` header best."""
        for tag in languages.asked(accept or ""):
            if match := languages.fit(tag, self._files):
                return match
        return self._default

    def say(self, language: str, key: str, params: Params | None = None) -> str | None:
        """Give the sentence of ``key``, its placeholders filled; ``None`` if nobody wrote it."""
        text = self._find(language, key)
        return text and _PLACEHOLDER.sub(
            lambda match: self._fill(language, match, params or {}), text
        )

    def sayer(self, language: str) -> Say:
        """Make the way to say what has words of its own already, in a language."""
        return lambda key, text: self.say(language, key) or text

    def explain(self, language: str, problem: Problem) -> str:
        """Give the words of one problem: its own message, else the sentence of its code."""
        params = problem.params
        if problem.code == "wrong_type":
            params = {**params, "expected": self._types(language, str(params.get("expected")))}
        key = f"errors.{problem.code}"
        if problem.code == "out_of_memory" and "largest_width" in params:
            key = "errors.out_of_memory_sized"
        said = self.say(language, key, params)
        said = said or self.say(language, f"warnings.{problem.code}", params)
        if problem.message and not params and said and _PLACEHOLDER.search(said):
            return problem.message  # of a server that told no parameters beside its words
        return said or problem.message or problem.code

    def errors(self, language: str = SOURCE) -> dict[str, str]:
        """List the sentence of every error code."""
        table = self._table(language)
        prefix = "errors."
        return {
            key.removeprefix(prefix): text
            for key, text in sorted(table.items())
            if key.startswith(prefix)
        }

    def _types(self, language: str, expected: str) -> str:
        """Name JSON types in words: ``int | null``."""
        return " | ".join(
            self.say(language, f"types.{name}") or name for name in expected.split(" | ")
        )

    def _find(self, language: str, key: str) -> str | None:
        return self._table(language).get(key) or self._table(SOURCE).get(key)

    def _fill(self, language: str, match: re.Match[str], params: Params) -> str:
        """Give a parameter in words, where it has some; a placeholder of none as it stands."""
        name = match[1]
        value = params.get(name)
        if value is None:
            return match[0]
        prefix = _WORDED.get(name) if isinstance(value, str) else None
        return (prefix and self._find(language, f"{prefix}{value}")) or str(value)

    def _name(self, code: str) -> str:
        try:
            name = msgspec.json.decode(self._files.get(code, b""), type=_Named).name
        except (msgspec.DecodeError, UnicodeDecodeError):
            return code
        return name or self._table(code).get("language.name", code)

    def _table(self, code: str) -> dict[str, str]:
        if code in self._files and code not in self._tables:
            self._tables[code] = _read(self._files[code])
        return self._tables.get(code, {})


def _letters(name: str) -> str:
    """Give a name as it is sorted: an accent changes nothing where the letters differ."""
    return normalize("NFKD", name).casefold()


def _read(content: bytes) -> dict[str, str]:
    """Read a language; a broken file has no sentences, and English says them."""
    try:
        tree = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return _flatten(tree) if isinstance(tree, dict) else {}


def _page(table: Mapping[str, str]) -> bytes:
    return msgspec.json.encode(
        {key: text for key, text in table.items() if not key.startswith(ABOUT)}
    )


def _flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            flat[prefix + key] = value
    return flat
