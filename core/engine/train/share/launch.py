"""Launch: a run that several devices share, as a process for each, under one that watches them.

The processes are ``python -m core.engine.train FILE``; Lightning finds the others by environment
variables and reduces gradients among them. If one dies all end, and the run goes on from its
newest checkpoint, exactly. Knows no torch.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, BinaryIO, cast

import msgspec
from msgspec import Meta, Struct

from core.errors import JobError
from core.ipc import frames
from core.ipc.commands import EngineOptions, RunTraining
from core.ipc.frames import FrameError
from core.ipc.reports import AnyReport, JobDone, JobFailed

END = b"end\n"  # what asks a process to end after its step
_GRACE = 10.0  # seconds that the others have once one has ended
_TRIES = 3  # starts in a row of which none got beyond the last checkpoint


class Launch(Struct, frozen=True, kw_only=True):
    """What each process is told: one JSON file."""

    command: RunTraining
    device: Annotated[str, Meta(description="cpu, or a kind of which each has one.")] = "cpu"
    count: Annotated[int, Meta(ge=1, le=64)] = 1
    options: EngineOptions | None = None  # of the engine; None: no samples are drawn
    threads: Annotated[int, Meta(ge=0)] = 0  # of a process on the CPU; 0: torch chooses


def run(
    launch: Launch,
    told: Callable[[AnyReport], None],
    newest: Callable[[], int],
    started: Callable[[list[int]], None] = lambda pids: None,
    wanted: Callable[[], bool] = lambda: False,
) -> int:
    """Train to the last step, whatever becomes of single processes; give the steps done.

    :param told: takes the reports of the first process, but for how it ended.
    :param newest: gives the step of the newest whole checkpoint.
    :param started: is told the processes, each time.
    :param wanted: asked at each report whether the run is to end after the step it takes.
    :raises JobError: as the run failed; ``processes_lost`` where they die and get no further.
    """
    with tempfile.TemporaryDirectory(prefix="heliograph-") as folder:
        file = Path(folder) / "launch.json"
        file.write_bytes(msgspec.json.encode(launch))
        tries, reached = 0, newest()
        while tries < _TRIES:
            last = _once(launch, file, told, started, wanted)
            if isinstance(last, JobDone):
                return int(str((last.result or {}).get("step", 0)))
            if isinstance(last, JobFailed):
                failed = JobError(last.code)
                failed.params = dict(last.params)
                raise failed
            tries, reached = (tries + 1, reached) if newest() <= reached else (0, newest())
        raise JobError("processes_lost", step=reached, count=launch.count)


def _once(
    launch: Launch,
    file: Path,
    told: Callable[[AnyReport], None],
    started: Callable[[list[int]], None],
    wanted: Callable[[], bool],
) -> JobDone | JobFailed | None:
    """Start the processes and follow the first; ``None`` where they were lost."""
    processes = [_start(launch, file, rank, port) for port in [_port()] for rank in _ranks(launch)]
    try:
        started([process.pid for process in processes])
        return _followed(processes, told, wanted)
    finally:
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()  # each ends once this is gone
        for process in processes:
            _ended(process)


def _followed(
    processes: "Sequence[subprocess.Popen[bytes]]",
    told: Callable[[AnyReport], None],
    wanted: Callable[[], bool],
) -> JobDone | JobFailed | None:
    stream = cast(BinaryIO, processes[0].stdout)
    asked = False
    with suppress(FrameError):
        while (report := frames.read_report(stream)) is not None:
            if isinstance(report, JobDone | JobFailed):
                return report
            told(report)
            if not asked and wanted():
                asked = True
                for process in processes:
                    _ask(process)
    return None


def _ask(process: "subprocess.Popen[bytes]") -> None:
    """Ask a process to end after this step; one that is gone was lost."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.write(END)
        process.stdin.flush()


def _start(launch: Launch, file: Path, rank: int, port: int) -> "subprocess.Popen[bytes]":
    environ = {
        **os.environ,
        "LOCAL_RANK": str(rank),
        "NODE_RANK": "0",
        "WORLD_SIZE": str(launch.count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    if launch.threads:
        environ["OMP_NUM_THREADS"] = str(launch.threads)
    return subprocess.Popen(
        [sys.executable, "-m", "core.engine.train", str(file)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
        env=environ,
    )  # fmt: skip


def _ranks(launch: Launch) -> range:
    return range(launch.count)


def _port() -> int:
    """Ask the system for a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _ended(process: "subprocess.Popen[bytes]") -> None:
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(_GRACE)
    if process.stdout is not None:
        process.stdout.close()
