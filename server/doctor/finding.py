"""What a check says: a verdict, and a code whose words are in ``i18n/``."""

from typing import Literal

from msgspec import Struct

from core.errors import Params
from server.words import Words

Verdict = Literal["ok", "warn", "fail"]


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found. What is not well has a fix, in one line."""

    name: str  # of the check
    verdict: Verdict
    code: str  # ``doctor.<code>`` says it, ``doctor.<code>.fix`` what puts it right
    params: Params = {}

    def said(self, words: Words, language: str) -> str:
        """Say it."""
        return words.say(language, f"doctor.{self.code}", self.params) or self.code

    def fix(self, words: Words, language: str) -> str:
        """Say what puts it right; empty when it is well."""
        if self.verdict == "ok":
            return ""
        return words.say(language, f"doctor.{self.code}.fix", self.params) or ""


def ok(name: str, code: str, /, **params: str | int | float) -> Finding:
    """Find that something is as it should be."""
    return Finding(name=name, verdict="ok", code=code, params=dict(params))


def warn(name: str, code: str, /, **params: str | int | float) -> Finding:
    """Find something that works, and may not for long."""
    return Finding(name=name, verdict="warn", code=code, params=dict(params))


def fail(name: str, code: str, /, **params: str | int | float) -> Finding:
    """Find something that does not work."""
    return Finding(name=name, verdict="fail", code=code, params=dict(params))
