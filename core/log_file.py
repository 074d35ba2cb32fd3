"""Where lines of the log go: a bounded queue, and one thread that writes and rotates.

A logging call only puts its line into the queue, so a slow, full or dead disk holds nobody up.
What cannot be written is counted, and said once there is room again. Knows no records.
"""

import contextlib
import errno
import json
import os
import queue
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

BOUND = 10_000  # lines that wait; more are dropped and counted
_RETRY = 5.0  # seconds until a file that failed is tried again
_LOOK = 1.0  # seconds between two looks whether somebody moved the file away
_LAST_WORDS = 2.0  # seconds for what still waits at the end


class Target(Protocol):
    """Takes whole lines on the writing thread."""

    def write(self, line: bytes) -> None:
        """Write a line, its end included.

        :raises OSError: when it cannot be written.
        """

    def close(self) -> None:
        """Let go of what is open."""


class LineQueue:
    """Lines on their way to a target; ``put`` never waits, from any thread.

    :param explain: makes the line that tells of lost ones, of their count and the reason.
    """

    def __init__(
        self, target: Target, explain: Callable[[int, str], bytes], bound: int = BOUND
    ) -> None:
        self.lost = 0  # lines in all that were dropped or could not be written
        self._target = target
        self._explain = explain
        self._lines: queue.Queue[bytes | None] = queue.Queue(bound)
        self._untold = 0
        self._reason = ""
        self._retry_at = 0.0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)
        self._thread.start()

    def put(self, line: str) -> None:
        """Take a line without its end."""
        try:
            self._lines.put_nowait(line.encode("utf-8", "backslashreplace") + b"\n")
        except queue.Full:
            self._lose("the log could not keep up")

    def close(self, seconds: float = _LAST_WORDS) -> None:
        """Write what waits, for so long at most, and let go of the target."""
        with contextlib.suppress(queue.Full):
            self._lines.put(None, timeout=seconds)
        self._thread.join(seconds)

    def _run(self) -> None:
        while (line := self._lines.get()) is not None:
            self._write(line)
        self._target.close()

    def _write(self, line: bytes) -> None:
        if time.monotonic() < self._retry_at:
            self._lose(self._reason)
            return
        try:
            with self._lock:
                untold, reason = self._untold, self._reason
            if untold:
                self._target.write(self._explain(untold, reason))
                with self._lock:
                    self._untold -= untold
            self._target.write(line)
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            self._retry_at = time.monotonic() + _RETRY
            self._lose(getattr(error, "strerror", None) or str(error))

    def _lose(self, reason: str) -> None:
        with self._lock:
            self.lost += 1
            self._untold += 1
            self._reason = reason


class StreamTarget:
    """Standard error, or what stands for it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def write(self, line: bytes) -> None:
        """Write a line and pass it on at once."""
        self._stream.write(line)
        self._stream.flush()

    def close(self) -> None:
        """Leave the stream to whoever opened it."""


class RotatingFile:
    """A file of a bounded size, and its elders: ``name``, ``name.1`` (younger), … ``name.n``.

    Another program may move or remove it at any time: a second later a new one is begun.

    :param size: bytes of one file; a line that is longer has a file of its own.
    :param kept: elders that are kept; 0 begins the same file anew.
    """

    def __init__(self, path: Path, size: int, kept: int) -> None:
        self._path = path
        self._size = size
        self._kept = kept
        self._file: BinaryIO | None = None
        self._written = 0
        self._looked = 0.0
        self._torn = False  # the last line was cut by a full disk

    def write(self, line: bytes) -> None:
        """Append a line; begin a new file first when it does not fit.

        :raises OSError: when the file cannot be opened or written.
        """
        now = time.monotonic()
        if self._file is not None and now - self._looked > _LOOK:
            self._looked = now
            if not self._is_ours(self._file):
                self.close()
        file = self._file or self._open()
        if self._written and self._written + len(line) > self._size:
            self._rotate()
            file = self._open()
        if self._torn:
            line = b"\n" + line
        try:
            done = os.write(file.fileno(), line)
            self._written += done
            self._torn = done < len(line)
            if self._torn:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        if self._file is not None:
            file, self._file = self._file, None
            file.close()

    def _open(self) -> BinaryIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        self._written = os.fstat(descriptor).st_size
        self._looked = time.monotonic()
        return self._file

    def _rotate(self) -> None:
        self.close()
        for number in range(self._kept - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(self._elder(number), self._elder(number + 1))
        if self._kept:
            os.replace(self._path, self._elder(1))
        else:
            self._path.unlink(missing_ok=True)

    def _elder(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def _is_ours(self, file: BinaryIO) -> bool:
        try:
            there = self._path.stat()
        except OSError:
            return False
        ours = os.fstat(file.fileno())
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)


def lost_as_json(count: int, reason: str) -> bytes:
    """Tell of lost lines as one of JSON."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "WARNING",
        "logger": "core.log",
        "message": f"{count} lines of the log were lost: {reason}",
    }
    return json.dumps(line).encode() + b"\n"


def lost_as_words(count: int, reason: str) -> bytes:
    """Tell of lost lines as a line for people."""
    return f"{count} lines of the log were lost: {reason}\n".encode()
