"""Fail the n-th call that asks the file system for something, and only that one."""

import builtins
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

_CALLS = ("open", "fsync", "replace", "rename", "unlink", "mkdir", "scandir", "utime")


class Nth:
    """Counts calls, and refuses one of them with an ``errno``."""

    def __init__(self, number: int, error: int) -> None:
        self.number = number
        self.error = error
        self.calls: list[str] = []
        self.told: list[tuple[str, str]] = []  # (call, name of what it touched), in order
        self.names: dict[Any, str] = {}  # descriptor → what was opened
        self._lock = threading.Lock()

    @property
    def fired(self) -> bool:
        """Say whether a call was refused."""
        return 0 < self.number <= len(self.calls)

    def count(self, name: str, target: Any) -> None:
        """Count one call; raise if it is the one."""
        with self._lock:
            self.calls.append(name)
            self.told.append((name, self.names.get(target, str(target))))
            due = len(self.calls) == self.number
        if due:
            shown = target if isinstance(target, (str, os.PathLike)) else None
            raise OSError(self.error, os.strerror(self.error), shown)


class _File:
    """An open file whose writes are calls, too."""

    def __init__(self, file: Any, nth: Nth) -> None:
        self._file, self._nth = file, nth

    def write(self, data: Any) -> Any:
        self._nth.count("write", None)
        return self._file.write(data)

    def __enter__(self) -> "_File":
        self._file.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._file.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def failing(folder: Path, number: int, error: int) -> Iterator[Nth]:
    """Refuse the ``number``-th call, counted from 1, that touches something below ``folder``.

    Number 0 refuses none, and only writes down what was asked.
    """
    nth = Nth(number, error)

    def ours(target: object) -> bool:
        if isinstance(target, int):
            return target in nth.names
        return isinstance(target, (str, os.PathLike)) and str(target).startswith(str(folder))

    def counted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def through(target: Any, *rest: Any, **options: Any) -> Any:
            if not ours(target):
                return call(target, *rest, **options)
            nth.count(name, target)
            result = call(target, *rest, **options)
            if name == "open":
                nth.names[result] = str(target)
            return result

        return through

    def opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if not ours(file) or isinstance(file, int):
            return io_open(file, mode, *rest, **options)
        nth.count("open", file)
        made = io_open(file, mode, *rest, **options)
        nth.names[made.fileno()] = str(file)
        return _File(made, nth) if set(mode) & set("wxa+") else made

    io_open = io.open
    with pytest.MonkeyPatch.context() as patch:
        for name in _CALLS:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        patch.setattr(io, "open", opened)
        patch.setattr(builtins, "open", opened)
        yield nth
