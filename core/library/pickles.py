"""Old pickles: weights of a ``.pt`` or ``.pth``, read by a process of their own, as safetensors.

A pickle is a program. It is read by torch's reader that knows tensors only, in a process that has
no network, no secrets and little room (``sandbox``); what it writes is looked at as anybody's file.
Starts ``core.engine.unpickle`` by name and never imports it.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

import core
from core.errors import HeliographError, Invalid, TooLarge
from core.library import detect, header
from core.library.detect import Detected

_ROOT = Path(core.__file__).resolve().parent.parent
_START = 120.0  # seconds until its libraries are there
_SPARE = 1 << 30  # bytes of memory beyond twice the file
_RATE = 20 << 20  # bytes a second that a slow disk gives
_SAID = 2000  # characters of its last words
_WORDS = re.compile(r"Unsupported (?:global|operand|class)[^\n]{0,120}")
_NO_MEMORY = re.compile(r"MemoryError|bad_alloc|not enough memory|allocate memory|File too large")
_OUTPUT = "weights.safetensors"


class Limits(Struct, frozen=True, kw_only=True):
    """What reading one file may take."""

    memory: int  # bytes
    seconds: int
    written: int  # bytes

    @classmethod
    def of(cls, size: int) -> "Limits":
        """Give the limits for a file of so many bytes."""
        return cls(
            memory=2 * size + _SPARE, seconds=60 + size // _RATE, written=2 * size + (64 << 20)
        )


def unpickle(source: Path, target: Path, limits: Limits | None = None) -> Detected:
    """Read the weights of a pickle and write them as safetensors; say what they are.

    :param limits: others than fit the size of the file.
    :raises Invalid: ``pickle_refused`` for one that wants more than tensors, or is broken;
        ``pickle_holds_nothing``; ``output_exists``; ``output_unwritable``.
    :raises TooLarge: ``pickle_too_large``, ``pickle_too_slow``.
    :raises OSError: when it cannot be read.
    """
    if target.exists():
        raise Invalid("output_exists", file=target.name)
    if not source.is_file():
        raise Invalid("pickle_refused", file=source.name, reason="no file")
    limits = limits or Limits.of(source.stat().st_size)
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpickled-") as folder:
            _run(source, folder, limits)
            made = Path(folder, _OUTPUT)
            found = detect.detect(header.read_header(made))
            _publish(made, target)
    except HeliographError:
        raise
    except OSError as error:
        raise Invalid("output_unwritable", file=target.name, reason=error.strerror or "") from error
    return found


def environment(folder: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Give all that the process sees of an environment: where things are, and no secret."""
    found = {name: environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH")
             if name in environ}  # fmt: skip
    return found | {
        "HOME": folder, "TMPDIR": folder, "TMP": folder, "TEMP": folder, "LC_ALL": "C.UTF-8",
        "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1",
    }  # fmt: skip


def _run(source: Path, folder: str, limits: Limits) -> None:
    start = (
        f"import sys; sys.path.insert(0, {str(_ROOT)!r});"
        " from core.library import sandbox; sandbox.main('core.engine.unpickle')"
    )
    told = msgspec.json.encode(limits).decode()
    command = [sys.executable, "-I", "-B", "-c", start, told, _OUTPUT]
    with source.open("rb") as file:
        try:
            done = subprocess.run(
                command, stdin=file, capture_output=True, cwd=folder, check=False,
                env=environment(folder, os.environ), timeout=_START + 2 * limits.seconds,
                start_new_session=True,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise TooLarge("pickle_too_slow", file=source.name, seconds=limits.seconds) from error
    if done.returncode != 0:
        raise _fault(source.name, done.returncode, done.stderr.decode("utf-8", "replace"), limits)


def _fault(name: str, code: int, said: str, limits: Limits) -> HeliographError:
    """Say why the process ended without weights."""
    if code in (-getattr(signal, "SIGXCPU", 24), -getattr(signal, "SIGKILL", 9)):
        return TooLarge("pickle_too_slow", file=name, seconds=limits.seconds)
    if _NO_MEMORY.search(said[-_SAID:]):
        return TooLarge("pickle_too_large", file=name, limit=limits.memory)
    if "NoWeights" in said[-_SAID:]:
        return Invalid("pickle_holds_nothing", file=name)
    words = _WORDS.search(said)
    last = words[0] if words else (said.strip().splitlines() or [f"exit code {code}"])[-1]
    return Invalid("pickle_refused", file=name, reason="".join(filter(str.isprintable, last))[:200])


def _publish(made: Path, target: Path) -> None:
    """Give the file its name, if nobody has it by now."""
    try:
        os.link(made, target)
    except FileExistsError as error:
        raise Invalid("output_exists", file=target.name) from error
    except OSError:  # a file system without links
        shutil.move(made, target)
