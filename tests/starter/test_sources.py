import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from starter.sources import Source, SourceMismatch, fetch, read_pins


def pack(path: Path, text: bytes) -> None:
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("package/a.txt")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))


def make_source(sha256: str) -> Source:
    return Source(key="thing", package="@who/thing", version="1.0.0", sha256=sha256, license="MIT")


def test_an_archive_in_the_cache_is_unpacked_without_a_network(tmp_path: Path) -> None:
    archive = tmp_path / "npm" / "who-thing-1.0.0.tgz"
    pack(archive, b"hello")
    source = make_source(hashlib.sha256(archive.read_bytes()).hexdigest())
    folder = fetch(source, tmp_path)
    archive.unlink()
    assert fetch(source, tmp_path) == folder
    assert (folder / "a.txt").read_bytes() == b"hello"


def test_an_archive_with_another_hash_is_refused_and_not_unpacked(tmp_path: Path) -> None:
    pack(tmp_path / "npm" / "who-thing-1.0.0.tgz", b"hello")
    with pytest.raises(SourceMismatch, match="expected sha256 00"):
        fetch(make_source("00"), tmp_path)
    assert not (tmp_path / "npm" / "thing").exists()


def test_every_pin_names_a_hash_and_a_license() -> None:
    for source in read_pins().values():
        assert len(source.sha256) == 64
        assert source.license in {"MIT", "Apache-2.0"}
