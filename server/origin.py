"""Where the bytes of an install come from: which hub, with which secret, past which guard.

Looks settings up each time, so that a token that was set since is used by the next try.
"""

from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from core.config import Settings
from core.errors import HeliographError, Invalid, Unauthenticated
from core.library import choosing, local, sources
from core.library.addresses import Guard
from core.library.choosing import Chosen
from core.library.hub import Hub
from core.library.sources import HubSource, Source, UrlSource
from core.store.install_rows import FileRow, InstallRow


class Plan(Struct, frozen=True, kw_only=True):
    """What is to be fetched, and what it is called if nobody says otherwise."""

    files: list[FileRow]
    name: str | None = None
    revision: str | None = None


class Origin:
    """The other end of one install."""

    def __init__(self, settings: Settings, source: Source) -> None:
        self._settings, self._source = settings, source

    @property
    def most(self) -> int:
        """Give the bytes that an install may have."""
        return self._settings.install_max_gb << 30

    @property
    def floor(self) -> int:
        """Give the bytes that must stay free on the disk."""
        return self._settings.disk_floor_mb << 20

    def plan(self, row: InstallRow) -> Plan:
        """Find out which files there are; a hub's are of one commit from here on. Blocking.

        :raises HeliographError: as ``Hub.resolve`` and ``choosing.choose``; ``sha256_of_folder``,
            ``install_too_large``, ``download_corrupt``.
        :raises OSError: when a folder cannot be read.
        """
        source = self._source
        if isinstance(source, UrlSource):
            found = Plan(files=[FileRow(target="", url=source.url)])
        elif isinstance(source, HubSource):
            found = self._plan_hub(source)
        else:
            path = Path(source.path)
            chosen = local.contents(path)
            files = [_planned(one, str(path / one.file.name)) for one in chosen]
            files = files if path.is_dir() else [replace(files[0], url=str(path))]
            found = Plan(files=files, name=path.stem if is_single(files) else path.name)
        return replace(found, files=self._promised(found.files, row.sha256))

    def guard(self) -> Guard:
        """Say whom a download may talk to: the public, who is named, and a hub that was chosen."""
        private = list(self._settings.install_private)
        if isinstance(self._source, HubSource) and self._hub().is_chosen:
            private.append(self._hub().host)
        return Guard(private)

    def headers(self) -> dict[str, str]:
        """Give the secret that goes with the source's host, if there is one."""
        if isinstance(self._source, HubSource):
            return self._hub().headers()
        if isinstance(self._source, UrlSource):
            return sources.secret_for(self._source.url, self._settings.install_tokens, self.guard())
        return {}

    def explained(self, error: HeliographError) -> HeliographError:
        """Say of a refusal what can be done about it."""
        if error.name != "download_refused":
            return error
        status, why = int(error.params["status"] or 0), str(error.params["why"] or "")
        if isinstance(self._source, HubSource):
            return self._hub().refused(status, why, self._source.repo)
        if status in (401, 403):
            host = error.params["host"]
            return Unauthenticated("url_token_needed", host=host, setting="install_tokens")
        return error

    def _plan_hub(self, source: HubSource) -> Plan:
        found = self._hub().resolve(source.repo, source.revision)
        chosen = choosing.choose(found.files, source.variant, source.file)
        files = [
            _planned(one, self._hub().url(found.repo, found.commit, one.file.name))
            for one in chosen
        ]
        name = Path(chosen[0].target).stem if is_single(files) else source.repo.split("/")[1]
        return Plan(files=files, name=name, revision=found.commit)

    def _promised(self, files: list[FileRow], sha256: str | None) -> list[FileRow]:
        """Add the hash that the caller gave, and refuse what is too much at once."""
        if sum(file.bytes or 0 for file in files) > self.most:
            raise Invalid("install_too_large", limit=self.most)
        if sha256 is None:
            return files
        if not is_single(files):
            raise Invalid("sha256_of_folder")
        if files[0].sha256 not in (None, sha256):
            raise Invalid("download_corrupt", file=files[0].target)
        return [replace(files[0], sha256=sha256)]

    def _hub(self) -> Hub:
        return Hub(self._settings.hf_endpoint, self._settings.hf_token)


def is_weights(file: FileRow) -> bool:
    """Say whether a file is one of weights; a URL's has no name yet and must be."""
    return not file.target or file.target.lower().endswith(choosing.WEIGHTS)


def is_single(files: list[FileRow]) -> bool:
    """Say whether the model is one file, and no folder."""
    return len(files) == 1 and "/" not in files[0].target and is_weights(files[0])


def name_of(row: InstallRow) -> str:
    """Name a model that nobody named: by what a server calls its file, or by its address."""
    return row.name or Path(sources.last_part(row.files[0].name or row.files[0].url)).stem


def _planned(one: Chosen, url: str) -> FileRow:
    file = one.file
    return FileRow(target=one.target, url=url, bytes=file.bytes, sha256=file.sha256, git=file.git)
