"""Where a model comes from, as people write it: a path, ``hf:owner/name``, or a URL.

Reads texts; opens nothing and asks nobody.
"""

import os
import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from msgspec import Struct

from core.errors import Invalid, Malformed, Problem
from core.library import addresses
from core.library.addresses import Guard

MAX_SOURCE = 4096  # characters
HUB = "huggingface.co"
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+:")  # two letters or more: "C:\" is a drive
_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,95}"
_HUB = re.compile(
    rf"hf:(?P<repo>{_NAME}/{_NAME})(?:@(?P<revision>[A-Za-z0-9_][\w./-]{{0,127}}?))?"
    r"(?::(?P<variant>[A-Za-z0-9_][A-Za-z0-9_-]{0,31})?)?(?:/(?P<file>[^:@]+))?"
)
_PAGE = re.compile(
    rf"/(?P<repo>{_NAME}/{_NAME})(?:/(?:resolve|blob)/(?P<revision>[\w.-]{{1,128}})/(?P<file>.+))?/?"
)
_SECRET = re.compile(r"token|key|secret|sig|auth|credential|password", re.IGNORECASE)
HIDDEN = "***"


class LocalSource(Struct, frozen=True, tag="path"):
    """A file or a folder of this machine."""

    path: str


class HubSource(Struct, frozen=True, tag="hub"):
    """A repository of a hub, or one file of it."""

    repo: str  # owner/name
    revision: str | None = None  # branch, tag or commit; null: the main branch
    variant: str | None = None  # fp16, …
    file: str | None = None


class UrlSource(Struct, frozen=True, tag="url"):
    """A file on the web."""

    url: str


Source = LocalSource | HubSource | UrlSource


def parse(text: str) -> Source:
    """Read a source.

    ``hf:owner/name[@revision][:variant][/file]``; the page of a repository or of a file of it at
    huggingface.co is read as that.

    :raises Invalid: ``url_scheme``, ``url_invalid``, ``hub_source_invalid``.
    :raises Malformed: ``model_path_refused`` for a path that is not absolute.
    """
    if len(text) > MAX_SOURCE or "\0" in text:
        raise Malformed("model_path_refused")
    if text.startswith("hf:"):
        return _hub(text)
    if not _SCHEME.match(text):
        if not os.path.isabs(text):
            raise Malformed("model_path_refused")
        return LocalSource(text)
    parts = addresses.split(text)
    page = _PAGE.fullmatch(unquote(parts.path)) if parts.hostname == HUB else None
    if page is not None and parts.port is None:
        found = HubSource(page["repo"], page["revision"], None, page["file"])
        return _checked(found)
    return UrlSource(text)


def shown(text: str) -> str:
    """Write a source without the secrets that its query may hold."""
    if not text.lower().startswith(("http:", "https:")):
        return text
    parts = urlsplit(text)
    query = [
        (name, HIDDEN if _SECRET.search(name) else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(query, safe=HIDDEN), fragment=""))


def secret_for(url: str, secrets: Iterable[str], guard: Guard) -> dict[str, str]:
    """Give the header with which a host wants to be asked, from ``host=secret``.

    Sent by ``https:`` alone, or to a host that an operator named.
    """
    parts = addresses.split(url)
    for one in secrets:
        host, equals, secret = one.partition("=")
        if equals and host.strip().lower() == parts.hostname:
            if parts.scheme == "https" or guard.trusts(parts.hostname):
                return {"Authorization": f"Bearer {secret.strip()}"}
    return {}


def last_part(text: str) -> str:
    """Give what stands behind the last separator of a URL or a path."""
    path = urlsplit(text).path if _SCHEME.match(text) else text
    return unquote(path).replace("\\", "/").rstrip("/").rpartition("/")[2]


def is_plain(name: str) -> bool:
    """Say whether the name of a file in a repository stays inside of a folder, on any system."""
    parts = name.split("/")
    return (
        len(name) <= 512
        and name.isprintable()
        and not any(letter in name for letter in '\\:*?"<>|')
        and all(part and not part.startswith(".") and part == part.strip(" .") for part in parts)
        and len(parts) <= 8
    )


def _hub(text: str) -> HubSource:
    match = _HUB.fullmatch(text)
    if match is None:
        raise _refused()
    return _checked(
        HubSource(match["repo"], match["revision"], match["variant"] or None, match["file"])
    )


def _checked(found: HubSource) -> HubSource:
    owner, name = found.repo.split("/")
    odd = any(".." in part or "--" in part or part.endswith((".", "-")) for part in (owner, name))
    strange = found.revision is not None and ".." in found.revision
    if odd or strange or (found.file is not None and not is_plain(found.file)):
        raise _refused()
    return found


def _refused() -> Invalid:
    problem = Problem(code="hub_source_invalid", pointer="/source")
    return Invalid("hub_source_invalid", problems=(problem,))
