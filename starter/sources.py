"""Where the pictures and the words come from: four npm packages, pinned by hash.

Knows how to fetch and unpack them into the cache. Does not know what is in them.
"""

import hashlib
import json
import logging
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

PINS = Path(__file__).with_name("sources.json")


class SourceMismatch(Exception):
    """A fetched package is not the one that was pinned."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One pinned npm package."""

    key: str
    package: str
    version: str
    sha256: str  # of the .tgz, in hex
    license: str  # SPDX

    @property
    def archive(self) -> str:
        """Name the file as `npm pack` does."""
        return f"{self.package.lstrip('@').replace('/', '-')}-{self.version}.tgz"


def read_pins(path: Path = PINS) -> dict[str, Source]:
    """Read the pinned packages, by key."""
    rows: dict[str, dict[str, str]] = json.loads(path.read_text("utf-8"))
    return {key: Source(key=key, **row) for key, row in rows.items()}


def hash_file(path: Path) -> str:
    """Hash a file with SHA-256, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(source: Source, cache: Path) -> Path:
    """Give the unpacked package's folder, downloading at most once.

    :raises SourceMismatch: the archive's hash differs from the pin; the archive is not unpacked.
    :raises subprocess.CalledProcessError: npm could not fetch the package.
    """
    folder = cache / "npm" / source.key
    if (folder / source.sha256).exists():
        return folder / "package"
    archive = cache / "npm" / source.archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    if not archive.exists():
        log.info("fetching %s %s", source.package, source.version)
        command = ["npm", "pack", "--silent", f"{source.package}@{source.version}"]
        subprocess.run(command, cwd=archive.parent, check=True, stdout=subprocess.DEVNULL)
    found = hash_file(archive)
    if found != source.sha256:
        raise SourceMismatch(f"{source.archive}: expected sha256 {source.sha256}, found {found}")
    _unpack(archive, folder, source.sha256)
    return folder / "package"


def _unpack(archive: Path, folder: Path, mark: str) -> None:
    """Unpack beside the folder, then rename, so that a killed run leaves nothing half done."""
    with tempfile.TemporaryDirectory(dir=archive.parent) as beside:
        target = Path(beside) / "new"
        with tarfile.open(archive) as tar:
            tar.extractall(target, filter="data")
        (target / mark).touch()
        shutil.rmtree(folder, ignore_errors=True)
        target.rename(folder)
