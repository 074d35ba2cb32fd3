"""The engine as a child process: generations, restarts with back-off, and what the child may see.

One life is ``core.jobs.child``. Starts ``python -m core.engine`` by name and never imports it.
"""

import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import anyio
import msgspec
from anyio import TASK_STATUS_IGNORED, CancelScope
from anyio.abc import TaskStatus

import core
from core.errors import EngineUnavailable
from core.graph.catalogue import Catalogue
from core.ipc import exits, frames
from core.ipc.commands import AnyCommand, EngineOptions, Run, Stop, Tune
from core.ipc.reports import (
    AnyReport,
    CatalogueChanged,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    TrainingParked,
)
from core.jobs.channel import Channel
from core.jobs.child import Child
from core.jobs.executor import Changed, Item, Lost, Stamped, State
from core.jobs.liveness import Limits, Restarts

log = logging.getLogger(__name__)

_REPORTS = 256  # items that wait for the consumer; then the pipe waits, and with it the engine
_ROOT = Path(core.__file__).resolve().parent.parent  # what `import core` needs on the path
_PASSED = frozenset(
    """PATH HOME LANG LANGUAGE TZ TMP TEMP TMPDIR USER LOGNAME LD_LIBRARY_PATH VIRTUAL_ENV
    SYSTEMROOT SYSTEMDRIVE WINDIR COMSPEC PATHEXT USERPROFILE APPDATA LOCALAPPDATA PROGRAMDATA
    XDG_CACHE_HOME HF_HOME HF_HUB_CACHE""".split()
)
_PASSED_PREFIXES = (
    "LC_", "CUDA_", "NVIDIA_", "PYTORCH_", "TORCH_", "TORCHINDUCTOR_", "TRITON_", "HIP_", "ROCR_",
    "HSA_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_",
)  # fmt: skip
_SET = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    "PYTHONIOENCODING": "utf-8",
}


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Choose what an engine sees of an environment: an allow-list, so no tokens and no secrets."""
    passed = {
        name: value
        for name, value in environ.items()
        if name.upper() in _PASSED or name.upper().startswith(_PASSED_PREFIXES)
    }
    return {
        "CUDA_MODULE_LOADING": "LAZY",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        **passed,
        **_SET,
        "PYTHONPATH": str(_ROOT),
    }


def command_line(options: EngineOptions, program: str = "core.engine") -> list[str]:
    """Name the program of an engine and its one argument."""
    argument = msgspec.json.encode(options).decode()
    return [sys.executable, "-X", "faulthandler", "-m", program, argument]


class ProcessExecutor:
    """An ``Executor`` that owns one engine child at a time.

    :param program: module of the engine.
    :param argv: another program that speaks the same protocol.
    """

    def __init__(
        self,
        options: EngineOptions,
        *,
        program: str = "core.engine",
        argv: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._options = options
        self._program = program
        self._argv = None if argv is None else list(argv)
        self._environ = environment(os.environ if environ is None else environ)
        self._limits = limits or Limits()
        self._restarts = Restarts(self._limits)
        self._items: Channel[Item] = Channel(_REPORTS)
        self._generation = 0
        self._state: State = "stopped"
        self._hello: Hello | None = None
        self._catalogue: Catalogue | None = None
        self._child: Child | None = None
        self._tuned: Tune | None = None  # what the engines that follow are told, too
        self._greeted = 0.0  # time of this generation's hello
        self._in_flight: set[str] = set()
        self._worked = False  # this generation finished a job
        self._stopping = anyio.Event()
        self._ended = anyio.Event()

    @property
    def generation(self) -> int:
        """Count the starts."""
        return self._generation

    @property
    def state(self) -> State:
        """Say how the engine is."""
        return self._state

    @property
    def hello(self) -> Hello | None:
        """Give what this generation said of itself."""
        return self._hello

    @property
    def catalogue(self) -> Catalogue | None:
        """Give the newest catalogue of any generation."""
        return self._catalogue

    def send(self, command: AnyCommand) -> None:
        """Put a command into the engine's mailbox; never waits.

        :raises EngineUnavailable: when the engine is not ready or its mailbox is full.
        :raises FrameError: when the command is larger than a frame may be.
        """
        if isinstance(command, Tune):
            self._tuned = command
        if self._child is None or self._state != "ready":
            raise EngineUnavailable(state=self._state)
        if not self._child.send(frames.encode(command)):
            raise EngineUnavailable(state="busy")
        if isinstance(command, Run):
            self._in_flight.add(command.job)

    def reports(self) -> AsyncIterator[Item]:
        """Iterate over what engines say, in order, over restarts; one consumer."""
        return self._items

    def kill(self, reason: str) -> None:
        """End this generation: terminate, later kill; the next one starts."""
        if self._child is not None:
            self._child.kill(reason)

    async def stop(self, grace: float) -> None:
        """End for good: running jobs get ``grace`` seconds; ``run`` returns."""
        self._stopping.set()
        if self._child is None:
            return
        if self._state == "ready" and self._child.send(frames.encode(Stop(grace=grace))):
            with anyio.move_on_after(grace + self._limits.terminate):
                await self._ended.wait()
                return
        self.kill("stopped")
        with anyio.move_on_after(self._limits.terminate + 2 * self._limits.kill):
            await self._ended.wait()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Own the child until stopped or cancelled; returns at once from the start of the task."""
        task_status.started()
        try:
            while not self._stopping.is_set():
                delay = await self._generate()
                with anyio.move_on_after(delay):
                    await self._stopping.wait()
        finally:
            self._state = "stopped"
            with CancelScope(shield=True), anyio.move_on_after(1):
                await self._items.send(Changed(generation=self._generation, state="stopped"))
            self._items.close()
            self._ended.set()

    async def _generate(self) -> float:
        """Live through one generation; give the seconds until the next may start."""
        self._generation += 1
        self._worked = False
        self._in_flight.clear()
        self._child = Child(self._command(), self._environ, _ROOT, self._hear, self._limits)
        await self._become("starting")
        try:
            end = await self._child.live()
        finally:
            lived = time.monotonic() - self._greeted if self._hello else 0.0
            self._child = self._hello = None
            self._state = "restarting"  # nothing is sent into the void from here on
        stopped = self._stopping.is_set()
        log.log(
            logging.INFO if stopped else logging.WARNING,
            "engine ended: %s, exit code %s%s", end.reason, end.exit_code,
            "" if stopped else f"; its last words: {_last_words(end.log_tail)}",
            extra={"action": "engine.ended", "generation": self._generation},
        )  # fmt: skip
        await self._items.send(
            Lost(
                generation=self._generation,
                exit_code=end.exit_code,
                reason="stopped" if stopped else end.reason,
                log_tail=end.log_tail,
            )
        )
        if stopped:
            return 0.0
        blamed = len(self._in_flight) == 1
        delay, is_open = self._restarts.ended(
            time.monotonic(), lived=lived, worked=self._worked, blamed=blamed
        )
        # A second engine beside a stuck one would share its device; one that cannot use its
        # device or arguments will not do better in a second.
        if end.reason == "stuck" or end.exit_code == exits.UNUSABLE:
            delay, is_open = self._limits.probe, True
        await self._become("unavailable" if is_open else "restarting", end.reason)
        return delay

    def _command(self) -> list[str]:
        if self._argv is not None:
            return self._argv
        options = self._options
        if self._generation > 1:  # armed once: the engines that follow are to recover
            options = msgspec.structs.replace(options, failpoints="")
        return command_line(options, self._program)

    async def _hear(self, report: AnyReport) -> None:
        if isinstance(report, Hello):
            self._hello = report
            self._catalogue = report.catalogue
            self._greeted = time.monotonic()
        elif isinstance(report, CatalogueChanged):
            self._catalogue = report.catalogue
        elif isinstance(report, JobDone | JobFailed | JobCanceled | TrainingParked):
            self._worked = True
            self._in_flight.discard(report.job)
        await self._items.send(Stamped(generation=self._generation, report=report))
        if isinstance(report, Hello):
            log.info(
                "engine ready on %s (%s)", report.device, report.device_name,
                extra={"action": "engine.ready", "generation": self._generation},
            )  # fmt: skip
            if self._tuned is not None and self._child is not None:
                self._child.send(frames.encode(self._tuned))
            await self._become("ready")

    async def _become(self, state: State, reason: str | None = None) -> None:
        self._state = state
        await self._items.send(
            Changed(
                generation=self._generation,
                state=state,
                device=self._hello.device if self._hello else None,
                reason=reason,
            )
        )


def _last_words(tail: str) -> str:
    """Give the end of a log that says most: a traceback names its error last."""
    return " ".join(tail.strip().splitlines()[-1:])[-500:] or "none"
