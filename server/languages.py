"""Which language fits what somebody asks for, by script and region too (RFC 4647, section 3.4).

Knows language tags and ``Accept-Language``, and no word of any language.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
_MOST = 20  # parts of a header that are read
_OLD = {"cmn": "zh", "in": "id", "iw": "he", "yue": "zh-hant"}
_SCRIPTS = {  # of languages that are written in several, where the tag does not say
    "pa": "guru", "pa-pk": "arab", "sr": "cyrl", "sr-me": "latn", "uz": "latn", "uz-af": "arab",
    "zh": "hans", "zh-hk": "hant", "zh-mo": "hant", "zh-tw": "hant",
}  # fmt: skip


class Tag(NamedTuple):
    """The parts of a language tag that choose a translation, in small letters."""

    language: str
    script: str
    region: str


def read(tag: str) -> Tag | None:
    """Read a language tag; ``None`` when it is none."""
    if not _TAG.fullmatch(tag):
        return None
    first, *rest = tag.lower().split("-")
    language, *more = (*_OLD.get(first, first).split("-"), *rest)
    script = next((part for part in more if len(part) == 4 and part.isalpha()), "")
    region = next((part for part in more if re.fullmatch(r"[a-z]{2}|\d{3}", part)), "")
    script = script or _SCRIPTS.get(f"{language}-{region}") or _SCRIPTS.get(language, "")
    return Tag(language, script, region)


def asked(accept: str) -> list[str]:
    """List the languages of an ``Accept-Language`` header, the dearest first."""
    wanted: list[tuple[float, str]] = []
    for part in accept.split(",")[:_MOST]:
        tag, _, quality = part.strip().partition(";")
        weight = _quality(quality)
        if weight > 0 and _TAG.fullmatch(tag.strip()):
            wanted.append((weight, tag.strip()))
    return [tag for _, tag in sorted(wanted, key=lambda item: -item[0])]


def fit(tag: str, known: Iterable[str]) -> str | None:
    """Find the language that serves a reader of `tag` best.

    Its script counts most, then its region: ``pt-PT`` is served by ``pt-BR`` where there is no
    better, ``zh-TW`` by ``zh-Hans``.
    """
    wanted = read(tag)
    best: tuple[int, str] | None = None
    for code in known:
        if code.lower() == tag.lower():
            return code
        given = read(code)
        if wanted is None or given is None or given.language != wanted.language:
            continue
        near = (
            4 * (given.script == wanted.script)
            + 2 * (given.region == wanted.region)
            + (code.lower() == given.language)
        )
        if best is None or near > best[0]:
            best = near, code
    return best and best[1]


def _quality(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return float(value) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
