"""One task of the fake engine: a model with the same tensors and no weights, and what it reports.

Headers are read and written as the real engine does it, so names, shapes, formats and sizes are
those of the task; the numbers are zeros. Faults are asked for in the new model's name.
"""

import hashlib
import json
import re
import shutil
import struct
from pathlib import Path

import anyio
import msgspec
from anyio import to_thread

from core import staged
from core.errors import HeliographError, ModelUnreadable, NodeFailed
from core.graph.catalogue import Resource
from core.ipc.commands import Run, RunGraph, RunTask
from core.ipc.reports import JobCanceled, JobDone, JobFailed, JobProgressed
from core.jobs.fake_job import FakeScript, Host
from core.library import header
from core.library.made import KEY, Origin
from core.records.graph import Json
from core.records.task import Convert, MadeFile, MadeModel

_NAMES = {"float32": "F32", "float16": "F16", "bfloat16": "BF16", "float8_e4m3fn": "F8_E4M3"}
_FRACTIONS = frozenset({"F64", *_NAMES.values()})
_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "F8_E4M3": 1}
_MOST = 64 << 20  # bytes of zeros that it writes
_ASKED = re.compile(r"fake (crash|crash once|slow|fail)$")


Ended = JobDone | JobFailed | JobCanceled
SAME: dict[str, Json] = {  # of a picture that is drawn once
    "max": 0, "mean": 0.0, "differing": 0.0, "limit": 1, "same": True, "pipeline": "fake",
    "device": "cpu", "dtype": "float32", "steps": 0, "seconds": 0.0, "pipeline_seconds": 0.0,
    "pipeline_load_seconds": 0.0,
}  # fmt: skip


def drawing(command: Run) -> RunGraph:
    """Give the command that draws the picture of a task, or the command itself."""
    if isinstance(command, RunGraph):
        return command
    assert isinstance(command, RunTask)
    assert command.graph is not None
    return RunGraph(
        job=command.job, graph=command.graph, resources=command.resources,
        metadata=command.metadata, request_id=command.request_id, exact=True,
    )  # fmt: skip


class FakeTask:
    """Play one conversion.

    :param crashed: jobs that crashed once already.
    """

    def __init__(
        self, command: RunTask, task: Convert, script: FakeScript, canceled: anyio.Event,
        crashed: set[str], host: Host,
    ) -> None:  # fmt: skip
        self._command = command
        self._task = task
        self._script = script
        self._canceled = canceled
        self._crashed = crashed
        self._host = host
        found = _ASKED.search(task.to.name or "")
        self._fault = found[1] if found else ""

    async def play(self) -> JobDone | JobFailed | JobCanceled:
        """Write the model; give the last report."""
        job, steps = self._command.job, 4
        pace = self._script.slow_step if self._fault == "slow" else self._script.step
        try:
            for step in range(1, (400 if self._fault == "slow" else steps) + 1):
                await anyio.sleep(pace)
                if self._canceled.is_set():
                    return JobCanceled(job=job)
                await self._host.say(
                    JobProgressed(job=job, node=None, phase="convert", step=step, steps=steps)
                )
                await self._misbehave()
            return JobDone(job=job, made=[await to_thread.run_sync(self._write)])
        except HeliographError as error:
            return JobFailed(job=job, code=error.name, params=error.params)
        except OSError as error:
            return JobFailed(
                job=job, code=ModelUnreadable.code, params={"reason": error.strerror or ""}
            )

    def sweep(self) -> None:
        """Remove what an unfinished task has written."""
        for path in Path(self._command.folder).glob(f"{self._command.job}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    async def _misbehave(self) -> None:
        job = self._command.job
        if self._fault == "fail":
            raise NodeFailed(type="convert", error="asked to fail")
        if self._fault == "crash" or (self._fault == "crash once" and job not in self._crashed):
            self._crashed.add(job)
            await to_thread.run_sync(self._write)  # a crash leaves what it had made
            self._host.lose(-11, "exit")
            await anyio.sleep_forever()

    def _write(self) -> MadeModel:
        source = self._command.resources[self._task.model]
        name = self._task.to.name or source.name
        if self._task.to.layout == "single":
            path = Path(self._command.folder, f"{self._command.job}.safetensors")
            return MadeModel(path=path.name, name=name, files=[self._weights(source, path)])
        folder = Path(self._command.folder, self._command.job)
        files = []
        for file in sorted(Path(source.path).rglob("*")):
            inner = file.relative_to(source.path).as_posix()
            if file.suffix == ".safetensors":
                files.append(self._copied(file, folder / inner, inner))
            elif file.suffix in (".json", ".txt") and file.name != "heliograph.json":
                files.append(_written(folder / inner, inner, file.read_bytes()))
        own = json.dumps({KEY: msgspec.to_builtins(self._origin())}).encode()
        files.append(_written(folder / "heliograph.json", "heliograph.json", own))
        return MadeModel(path=folder.name, name=name, files=files)

    def _weights(self, source: Resource, path: Path) -> MadeFile:
        file = Path(source.path)
        if file.is_dir():
            raise ModelUnreadable("format_unsupported", model=source.name, format=source.format)
        return self._copied(file, path, "")

    def _copied(self, source: Path, target: Path, name: str) -> MadeFile:
        """Write a file with the tensors of another in the format asked for, all zeros."""
        told = header.read_header(source)
        entries: dict[str, object] = {"__metadata__": told.metadata | {
            KEY: msgspec.json.encode(self._origin()).decode()
        }}  # fmt: skip
        place = 0
        for one in sorted(told.tensors, key=lambda name: told.tensors[name].start):
            tensor = told.tensors[one]
            wanted = _NAMES.get(self._task.to.dtype or "", tensor.dtype)
            wanted = wanted if tensor.dtype in _FRACTIONS else tensor.dtype
            size = tensor.end - tensor.start
            if wanted != tensor.dtype:
                size = size // _WIDTHS[tensor.dtype] * _WIDTHS[wanted]
            entries[one] = {
                "dtype": wanted, "shape": tensor.shape, "data_offsets": [place, place + size],
            }  # fmt: skip
            place += size
        text = json.dumps(entries).encode()
        text += b" " * (-len(text) % 8)
        if place > _MOST:
            raise ModelUnreadable(model=source.name, reason="too large for the fake engine")
        return _written(target, name, struct.pack("<Q", len(text)) + text + bytes(place))

    def _origin(self) -> Origin:
        return Origin(job=self._command.job, task="convert", version="fake")


def _written(path: Path, name: str, data: bytes) -> MadeFile:
    path.parent.mkdir(parents=True, exist_ok=True)
    staged.write(path, data)
    return MadeFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
