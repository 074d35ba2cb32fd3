"""Blobs: whole or absent, once for each content."""

import contextlib
import hashlib
import io
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.blobs import Blobs, Swept, sync_folder
from core.errors import NotFound, TooLarge

FOX = b"a red fox"
DIGEST = hashlib.sha256(FOX).hexdigest()


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def files(blobs: Blobs) -> list[str]:
    return sorted(one.name for one in blobs.root.rglob("*") if one.is_file())


def test_what_was_put_is_found_by_its_hash(blobs: Blobs) -> None:
    assert blobs.put(FOX) == DIGEST
    assert blobs.exists(DIGEST)
    assert blobs.read(DIGEST) == FOX
    assert blobs.path(DIGEST).parent.name == DIGEST[:2]


@pytest.mark.parametrize(
    "given",
    [FOX, io.BytesIO(FOX), [b"a red", b"", b" fox"], (bytes([one]) for one in FOX)],
    ids=["bytes", "file", "list", "generator"],
)
def test_bytes_and_streams_of_the_same_content_are_one_file(given: object, blobs: Blobs) -> None:
    blobs.put(FOX)
    assert blobs.put(given) == DIGEST  # type: ignore[arg-type]
    assert files(blobs) == [DIGEST]


def test_nothing_at_all_is_a_blob_too(blobs: Blobs) -> None:
    assert blobs.read(blobs.put(b"")) == b""


def test_a_stream_that_breaks_leaves_nothing(blobs: Blobs) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionError

    with pytest.raises(ConnectionError):
        blobs.put(broken())
    assert files(blobs) == []


def test_more_than_the_limit_is_refused_and_leaves_nothing(blobs: Blobs) -> None:
    with pytest.raises(TooLarge):
        blobs.put([b"x" * 60, b"x" * 60], limit=100)
    assert files(blobs) == []
    blobs.put(b"x" * 100, limit=100)


def test_many_threads_may_put_the_same_content_at_once(blobs: Blobs) -> None:
    barrier = threading.Barrier(8)
    digests: list[str] = []

    def put() -> None:
        barrier.wait(5)
        digests.extend(blobs.put(FOX) for _ in range(5))

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert digests == [DIGEST] * 40
    assert files(blobs) == [DIGEST]
    assert blobs.read(DIGEST) == FOX


def test_a_blob_of_the_wrong_size_is_made_whole_again(blobs: Blobs) -> None:
    blobs.put(FOX)
    blobs.path(DIGEST).write_bytes(b"cut")
    blobs.put(FOX)
    assert blobs.read(DIGEST) == FOX


@pytest.mark.skipif(os.name == "nt", reason="folders cannot be synced there")
def test_the_content_is_on_disk_before_its_name_and_the_name_before_the_answer(
    blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(fd: int) -> None:
        kind = "folder" if stat.S_ISDIR(os.fstat(fd).st_mode) else "file"
        steps.append(f"sync {kind}")
        fsync(fd)

    def renamed(source: Path, target: Path) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    blobs.put(FOX)
    assert steps == ["sync file", "sync folder", "rename", "sync folder"]


@pytest.mark.parametrize(
    "name",
    ["", "../x", "..%2f", "a\0", "CON", DIGEST.upper(), DIGEST[:-1], DIGEST + "0", "é" * 64,
     f"{DIGEST}\n"],
)  # fmt: skip
def test_nothing_but_a_hash_ever_reaches_a_path(name: str, blobs: Blobs) -> None:
    assert not blobs.exists(name)
    for look in (blobs.path, blobs.open, blobs.read, blobs.delete):
        with pytest.raises(NotFound):
            look(name)


def test_an_unknown_hash_is_not_found(blobs: Blobs) -> None:
    assert not blobs.exists(DIGEST)
    assert not blobs.delete(DIGEST)
    with pytest.raises(NotFound):
        blobs.open(DIGEST)


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system cannot refuse links")
def test_a_symbolic_link_is_not_followed(blobs: Blobs, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    blobs.path(DIGEST).parent.mkdir(parents=True)
    blobs.path(DIGEST).symlink_to(secret)
    with pytest.raises(NotFound):
        blobs.open(DIGEST)


def sweep(blobs: Blobs, keep: set[str], **options: Any) -> Swept:
    """Sweep as housekeeping does: all but what is kept."""
    unused = [path for piece in blobs.pieces(2) for path in piece if path.name not in keep]
    return blobs.sweep(unused, **options)


class TestSweep:
    def test_what_nobody_refers_to_goes_and_the_rest_stays(self, blobs: Blobs) -> None:
        kept, gone = blobs.put(b"kept"), blobs.put(b"gone")
        swept = sweep(blobs, {kept}, grace=-1)
        assert (swept.files, swept.bytes) == (1, 4)
        assert blobs.exists(kept)
        assert not blobs.exists(gone)

    def test_what_was_just_put_stays(self, blobs: Blobs) -> None:
        digest = blobs.put(FOX)
        assert sweep(blobs, set()).files == 0
        assert blobs.exists(digest)

    def test_putting_it_again_makes_a_blob_young(self, blobs: Blobs) -> None:
        digest = blobs.put(FOX)
        os.utime(blobs.path(digest), (0, 0))
        blobs.put(FOX)
        assert sweep(blobs, set()).files == 0

    def test_the_parts_of_broken_puts_go(self, blobs: Blobs) -> None:
        blobs.put(FOX)
        (blobs.root / "dead.part").write_bytes(b"half")
        assert sweep(blobs, {DIGEST}, grace=-1).files == 1
        assert files(blobs) == [DIGEST]

    def test_what_was_put_in_a_time_that_the_rows_do_not_know_stays(self, blobs: Blobs) -> None:
        for content, put in ((b"before", 100), (b"in it", 200), (b"after", 300)):
            os.utime(blobs.path(blobs.put(content)), (put, put))
        assert sweep(blobs, set(), spared=(150.0, 250.0)).files == 2
        assert len(files(blobs)) == 1

    def test_a_put_and_a_sweep_of_the_same_content_never_leave_a_put_without_its_blob(
        self, blobs: Blobs
    ) -> None:
        """From different objects, as the server has them: what was put last is there."""
        digest = blobs.put(FOX)
        stop = threading.Event()

        def keep_sweeping() -> None:
            other = Blobs(blobs.root)
            while not stop.is_set():
                sweep(other, set(), grace=1000.0)

        sweeper = threading.Thread(target=keep_sweeping)
        sweeper.start()
        try:
            for _ in range(200):
                with contextlib.suppress(FileNotFoundError):
                    os.utime(blobs.path(digest), (0, 0))
                assert blobs.put(FOX) == digest
                assert blobs.exists(digest)
        finally:
            stop.set()
            sweeper.join()

    def test_files_of_somebody_else_stay(self, blobs: Blobs) -> None:
        blobs.put(FOX)
        for name in ("README", f"{DIGEST[:2]}/note.txt"):
            (blobs.root / name).write_text("mine")
        sweep(blobs, {DIGEST}, grace=-1)
        assert files(blobs) == ["README", DIGEST, "note.txt"] or "README" in files(blobs)
        assert "note.txt" in files(blobs)

    def test_a_folder_that_is_not_there_is_swept_in_no_time(self, blobs: Blobs) -> None:
        assert sweep(blobs, set()).files == 0


def test_a_folder_can_be_synced(tmp_path: Path) -> None:
    sync_folder(tmp_path)
    if os.name != "nt":
        with pytest.raises(OSError):
            sync_folder(tmp_path / "gone")


@settings(max_examples=8)
@given(contents=st.lists(st.binary(max_size=64), max_size=8))
def test_every_content_comes_back_as_it_was(
    contents: list[bytes], tmp_path_factory: pytest.TempPathFactory
) -> None:
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    digests = [blobs.put(content) for content in contents]
    assert [blobs.read(digest) for digest in digests] == contents
    assert len(files(blobs)) == len(set(contents))
