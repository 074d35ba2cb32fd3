"""What a hub knows of a repository: its commit, its files, their sizes and hashes.

Asked through ``huggingface_hub``, at ``HF_ENDPOINT`` or the endpoint that is set; not followed to
another host, and past no proxy. ``core.library.download`` fetches the bytes. The library is
imported when somebody asks: that takes half a second.
"""

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from msgspec import Struct

from core.errors import Forbidden, HeliographError, NotFound, Unauthenticated, Unreachable
from core.library.choosing import RepoFile

if TYPE_CHECKING:
    from huggingface_hub.hf_api import ModelInfo

DEFAULT = "https://huggingface.co"
MAX_FILES = 20_000  # names of a repository that are looked at
_SECONDS = 30.0  # of one request
_ASKING = threading.Lock()  # the library's client is one for the whole process


class Repository(Struct, frozen=True, kw_only=True):
    """A repository at one commit."""

    repo: str
    commit: str  # 40 hex digits
    files: list[RepoFile]
    gated: bool = False


class Hub:
    """One hub.

    :param endpoint: its address; empty for that of ``HF_ENDPOINT``, or else Hugging Face's.
    :param token: of an account; empty for the one that ``hf auth login`` has stored, if any.
    """

    def __init__(self, endpoint: str = "", token: str = "") -> None:
        self._endpoint, self._token = endpoint.rstrip("/"), token

    @property
    def endpoint(self) -> str:
        """Give the address."""
        if self._endpoint:
            return self._endpoint
        from huggingface_hub import constants

        return constants.ENDPOINT

    @property
    def is_chosen(self) -> bool:
        """Say whether somebody chose it: then it may lie in a private network."""
        return self.endpoint != DEFAULT

    @property
    def host(self) -> str:
        """Give the host of the address."""
        return urlsplit(self.endpoint).hostname or ""

    def headers(self) -> dict[str, str]:
        """Give what shows the hub who asks."""
        token = self._shown()
        return {"Authorization": f"Bearer {token}"} if token else {}

    def url(self, repo: str, commit: str, file: str) -> str:
        """Give the address of a file."""
        return f"{self.endpoint}/{repo}/resolve/{commit}/{quote(file)}"

    def resolve(self, repo: str, revision: str | None = None) -> Repository:
        """Ask for a repository's newest commit, or that of a branch or tag, and what is in it.

        Blocking; at most 30 seconds a request.

        :raises Forbidden: ``hub_gated`` where the licence was not accepted.
        :raises Unauthenticated: ``hub_token_needed`` for one that is private, or not there.
        :raises NotFound: ``hub_repo_unknown``, ``hub_revision_unknown``.
        :raises Unreachable: ``host_unreachable``.
        """
        from huggingface_hub import HfApi, errors

        token = self._shown()
        api = HfApi(endpoint=self.endpoint, token=token or False, library_name="heliograph")
        broken = (
            errors.HTTPError,  # type: ignore[attr-defined]  # its client's own
            OSError, ValueError, LookupError, TypeError, AttributeError,
        )  # fmt: skip
        try:
            with _ASKING:
                self._take_client()
                found = api.model_info(
                    repo, revision=revision, files_metadata=True, timeout=_SECONDS
                )
        except errors.HfHubHTTPError as error:
            why = error.response.headers.get("X-Error-Code", "")
            raise self.refused(error.response.status_code, why, repo) from error
        except broken as error:
            raise Unreachable(host=self.host, reason=type(error).__name__) from error
        return _read(repo, found, self.host)

    def refused(self, status: int, why: str, repo: str) -> HeliographError:
        """Say in our words why the hub gave an answer without what was asked for.

        :param why: its ``X-Error-Code``.
        """
        link = f"{self.endpoint}/{repo}"
        if why == "GatedRepo" or (status == 403 and why != "RepoNotFound"):
            return Forbidden("hub_gated", repo=repo, link=link, setting="hf_token")
        if why == "RevisionNotFound":
            return NotFound("hub_revision_unknown", repo=repo)
        if why == "EntryNotFound":
            return NotFound("hub_file_unknown", file=repo)
        if status == 401:
            return Unauthenticated("hub_token_needed", repo=repo, link=link, setting="hf_token")
        if status == 404 or why == "RepoNotFound":
            return NotFound("hub_repo_unknown", repo=repo)
        return Unreachable(host=self.host, reason=str(status))

    def _shown(self) -> str:
        if self._token:
            return self._token
        from huggingface_hub import get_token

        return get_token() or ""

    def _take_client(self) -> None:
        """Give the library a client that asks this hub alone, without a proxy."""
        from huggingface_hub import get_session, set_client_factory

        host = self.host

        def stay(request: Any) -> None:
            if request.url.host != host:
                raise OSError("another host")

        # The class is taken from the library, which has changed it before.
        client = type(get_session())
        set_client_factory(
            lambda: client(
                trust_env=False, follow_redirects=True, max_redirects=5, timeout=_SECONDS,
                event_hooks={"request": [stay]},
            )
        )  # fmt: skip


def _read(repo: str, found: "ModelInfo", host: str) -> Repository:
    if not found.sha or len(found.sha) != 40 or not found.sha.isalnum():
        raise Unreachable(host=host, reason="no commit")
    files = [
        RepoFile(
            name=one.rfilename,
            bytes=one.size,
            sha256=one.lfs.sha256 if one.lfs else None,
            git=one.blob_id if one.blob_id and not one.lfs else None,
        )
        for one in (found.siblings or [])[:MAX_FILES]
    ]
    return Repository(repo=repo, commit=found.sha, files=files, gated=bool(found.gated))
