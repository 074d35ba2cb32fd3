"""The log's file: rotated, never in anybody's way, and honest about what it lost."""

import errno
import io
import json
import logging
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import log as logs
from core import log_file
from core.log_file import LineQueue, RotatingFile, StreamTarget, lost_as_json, lost_as_words
from tests.running import ROOT

log = logging.getLogger("heliograph.test")


@pytest.fixture(autouse=True)
def untouched() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


class Sick:
    """A target on a disk that hangs until it is let go, or is full for a while."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.entered = threading.Event()
        self.full = False
        self.lines: list[bytes] = []

    def write(self, line: bytes) -> None:
        self.entered.set()
        self.free.wait(10)
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.lines.append(line)

    def close(self) -> None:
        self.entered.set()


def test_a_file_is_begun_anew_when_it_is_full_and_the_eldest_go(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "heliograph.log"
    target = RotatingFile(path, size=100, kept=2)
    for number in range(40):
        target.write(f"{number:02} {'x' * 16}\n".encode())  # 20 bytes: five a file
    target.close()
    held = {file.name: file.read_text().split()[::2] for file in path.parent.iterdir()}
    assert held == {
        "heliograph.log": ["35", "36", "37", "38", "39"],
        "heliograph.log.1": ["30", "31", "32", "33", "34"],
        "heliograph.log.2": ["25", "26", "27", "28", "29"],
    }
    assert path.stat().st_mode & 0o777 == 0o600


@settings(max_examples=30)
@given(lengths=st.lists(st.integers(1, 300), max_size=60), kept=st.integers(0, 3))
def test_no_line_is_cut_or_lost_among_the_files_that_are_kept(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], kept: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"
    target = RotatingFile(path, size=256, kept=kept)
    lines = [f"{number}:{'x' * length}\n".encode() for number, length in enumerate(lengths)]
    for line in lines:
        target.write(line)
    target.close()
    files = [path.with_name(f"a.log.{number}") for number in range(kept, 0, -1)] + [path]
    assert all(
        file.stat().st_size <= max(256, max(map(len, lines))) for file in files if file.exists()
    )
    found = b"".join(file.read_bytes() for file in files if file.exists())
    assert b"".join(lines).endswith(found)
    assert len(list(path.parent.iterdir())) <= kept + 1


def test_a_file_of_an_earlier_run_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"x" * 95 + b"\n")
    target = RotatingFile(path, size=100, kept=1)
    target.write(b"a line\n")
    target.close()
    assert path.read_bytes() == b"a line\n"
    assert (tmp_path / "a.log.1").stat().st_size == 96


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
def test_a_line_that_a_full_disk_cut_is_ended_before_the_next(tmp_path: Path) -> None:
    """A child limits the size of its files, which cuts a write as a full disk does."""
    program = f"""
import resource, signal
from pathlib import Path
from core.log_file import RotatingFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
target = RotatingFile(Path({str(tmp_path / "a.log")!r}), 1 << 20, 1)
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
target.write(b"first\\n")
try:
    target.write(b"second\\n")
except OSError as error:
    print(error.strerror)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
target.write(b"third\\n")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, timeout=15
    )
    assert done.stdout.strip() == os.strerror(errno.ENOSPC), done.stderr
    assert (tmp_path / "a.log").read_bytes() == b"first\nseco\nthird\n"


@pytest.mark.parametrize("moved", ["rename", "unlink"])
def test_a_file_that_somebody_moves_away_is_begun_anew(
    tmp_path: Path, moved: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_file, "_LOOK", -1.0)
    path = tmp_path / "a.log"
    target = RotatingFile(path, size=1000, kept=1)
    target.write(b"first\n")
    if moved == "rename":
        path.rename(tmp_path / "a.log.20260101")
    else:
        path.unlink()
    target.write(b"second\n")
    target.close()
    assert path.read_bytes() == b"second\n"


def test_a_logging_call_does_not_wait_for_a_dead_disk_and_the_loss_is_told_afterwards() -> None:
    sick = Sick()
    lines = LineQueue(sick, lost_as_json, bound=100)
    lines.put("first")
    assert sick.entered.wait(5)
    began = time.perf_counter()
    for number in range(1000):
        lines.put(f"{number}")
    assert time.perf_counter() - began < 8  # who waits for the disk waits for ten
    assert lines.lost == 900
    sick.free.set()
    lines.close(10)
    told = [line for line in sick.lines if b"lost" in line]
    assert json.loads(told[0])["message"] == (
        "900 lines of the log were lost: the log could not keep up"
    )
    assert sick.lines[-1] == b"99\n"


def test_a_full_disk_loses_lines_and_nothing_else_and_says_so_when_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log_file, "_RETRY", 0.0)
    sick = Sick()
    sick.full = True
    sick.free.set()
    lines = LineQueue(sick, lost_as_words)
    for number in range(10):
        lines.put(f"{number}")
    deadline = time.monotonic() + 5
    while lines.lost < 10 and time.monotonic() < deadline:
        threading.Event().wait(0.001)
    sick.full = False
    lines.put("again")
    lines.close(5)
    reason = os.strerror(errno.ENOSPC).encode()
    assert sick.lines == [b"10 lines of the log were lost: " + reason + b"\n", b"again\n"]


def test_a_real_device_without_room_hurts_nobody() -> None:
    if not Path("/dev/full").exists():
        pytest.fail("this system has no /dev/full")
    lines = LineQueue(RotatingFile(Path("/dev/full"), 1 << 20, 0), lost_as_words)
    for _ in range(50):
        lines.put("a line")
    lines.close(5)
    assert lines.lost == 50
    assert Path("/dev/full").exists()


def test_a_closed_stream_is_no_error() -> None:
    stream = io.BytesIO()
    lines = LineQueue(StreamTarget(stream), lost_as_words)
    stream.close()
    lines.put("too late")
    lines.close(5)
    assert lines.lost == 1


def test_what_waits_at_the_end_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with logs.written("INFO", "human", file=path, size=1 << 20, kept=1):
        for number in range(500):
            log.info("line %d", number, extra={"job": "J"})
        log.debug("not this")
    found = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["message"] for line in found] == [f"line {number}" for number in range(500)]
    assert {line["job"] for line in found} == {"J"}


def test_the_file_has_json_and_the_stream_what_was_asked_for(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    with logs.written("INFO", "human", file=tmp_path / "a.log"):
        log.info("two\nlines \x1b[31m")
    err = capfdbinary.readouterr().err.decode()
    assert err.count("\n") == 1
    assert "two\\nlines \\x1b[31m" in err
    text = (tmp_path / "a.log").read_text()
    assert json.loads(text)["message"] == "two\nlines \x1b[31m"
    assert text.count("\n") == 1


def test_the_handlers_go_when_it_is_over(tmp_path: Path) -> None:
    before = logging.getLogger().handlers[:]
    with logs.written("INFO", file=tmp_path / "a.log"):
        assert len(logging.getLogger().handlers) == len(before) + 2
    assert logging.getLogger().handlers == before
    assert not [thread for thread in threading.enumerate() if thread.name == "log"]
