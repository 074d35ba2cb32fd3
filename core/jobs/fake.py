"""A scripted engine in this process, without torch: for tests, load and a machine without models.

Honest where it can be: it checks and plans graphs as the engine does, caches by key, reports
progress and previews, writes real pictures, and is cancelled between steps. What it draws is a
gradient. Faults are scripted, or asked for in a prompt: ``fake:crash``.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import msgspec
from anyio import TASK_STATUS_IGNORED, CancelScope, to_thread
from anyio.abc import TaskGroup, TaskStatus

from core import failpoint
from core.errors import EngineUnavailable
from core.graph.catalogue import IMAGE_FORMATS, Catalogue
from core.ipc import frames
from core.ipc.commands import (
    PROTOCOL,
    AnyCommand,
    Cancel,
    EngineOptions,
    Ping,
    Run,
    RunGraph,
    RunTask,
    RunTraining,
    Steer,
    Stop,
    Tune,
    Unload,
    Watch,
)
from core.ipc.reports import AnyReport, Heartbeat, Hello, Pong
from core.jobs.channel import Channel
from core.jobs.executor import Changed, Item, Lost, Stamped, State
from core.jobs.fake_job import FakeScript
from core.jobs.fake_play import FakePlay
from core.paths import shipped

_REPORTS = 256
_COMMANDS = 1024


class FakeExecutor:
    """An ``Executor`` that runs graphs as a script."""

    def __init__(self, options: EngineOptions, script: FakeScript | None = None) -> None:
        self._options = options
        self._script = script or FakeScript(
            preview_rate=options.preview_rate, preview_size=options.preview_size
        )
        self._items: Channel[Item] = Channel(_REPORTS)
        self._generation = 0
        self._state: State = "stopped"
        self._hello: Hello | None = None
        self._catalogue: Catalogue | None = None
        self._group: TaskGroup | None = None
        self._jobs: dict[str, anyio.Event] = {}  # running job → set when it is canceled
        self._play = FakePlay(Path(options.staging), self)
        self._models: set[str] = set()  # identities that it would have in memory
        self._watched: frozenset[str] | None = frozenset()
        self._loss: tuple[int | None, str] | None = None
        self._over = anyio.Event()  # this generation ends
        self._idle = anyio.Event()
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
        """Give the shipped catalogue, once it has said hello."""
        return self._catalogue

    def send(self, command: AnyCommand) -> None:
        """Take a command; never waits.

        :raises EngineUnavailable: when it is not ready or holds 1,024 jobs.
        :raises FrameError: when the command is larger than a frame may be.
        """
        if isinstance(command, Tune):
            self._script = msgspec.structs.replace(self._script, preview_rate=command.preview_rate)
        if self._group is None or self._state != "ready":
            raise EngineUnavailable(state=self._state)
        frames.encode(command)
        self._obey(command, self._group)

    def _obey(self, command: AnyCommand, group: TaskGroup) -> None:
        match command:
            case RunGraph() | RunTask() | RunTraining():
                self._begin(command, group)
            case Cancel():
                failpoint.hit("cancel.heard")
                if command.job in self._jobs:
                    self._jobs[command.job].set()
            case Steer():
                self._play.steer(command)
            case Watch():
                self._watched = None if command.jobs is None else frozenset(command.jobs)
            case Unload():
                self._play.forget()
                gone = self._models if command.identity is None else {command.identity}
                self._models = self._models - gone
            case Ping():
                if not self._script.deaf:
                    group.start_soon(self.say, Pong(number=command.number))
            case Stop():
                group.start_soon(self._wind_down, command.grace)

    def _begin(self, command: Run, group: TaskGroup) -> None:
        if len(self._jobs) >= _COMMANDS:
            raise EngineUnavailable(state="busy")
        if command.job not in self._jobs:
            self._jobs[command.job] = anyio.Event()
            self._models |= {
                one.identity for one in command.resources.values() if one.kind not in IMAGE_FORMATS
            }
            group.start_soon(self._run, command)

    def reports(self) -> AsyncIterator[Item]:
        """Iterate over what it says, in order, over restarts; one consumer."""
        return self._items

    def kill(self, reason: str) -> None:
        """End this generation at once; the next one starts."""
        self.lose(-9, reason)

    async def stop(self, grace: float) -> None:
        """End for good: running jobs get ``grace`` seconds; ``run`` returns."""
        self._stopping.set()
        if self._state == "ready":
            self.send(Stop(grace=grace))
        else:
            self.lose(0, "stopped")
        if self._generation:
            await self._ended.wait()

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Play the engine until stopped or cancelled."""
        task_status.started()
        try:
            while not self._stopping.is_set():
                await self._generate()
                with anyio.move_on_after(self._script.restart):
                    await self._stopping.wait()
        finally:
            self._state = "stopped"
            with CancelScope(shield=True), anyio.move_on_after(1):
                await self._items.send(Changed(generation=self._generation, state="stopped"))
            self._items.close()
            self._ended.set()

    async def _generate(self) -> None:
        self._generation += 1
        self._loss = None
        self._over = anyio.Event()
        self._jobs.clear()
        self._models.clear()
        await self._become("starting")
        with anyio.move_on_after(self._script.start):
            await self._over.wait()
        try:
            async with anyio.create_task_group() as group:
                if self._loss is None:
                    await self._greet()
                    self._group = group
                    group.start_soon(self._beat)
                    await self._become("ready")
                    await self._over.wait()
                group.cancel_scope.cancel()
        finally:
            self._group = self._hello = None
            self._state = "restarting"
        exit_code, reason = self._loss or (None, "exit")
        tail = "" if exit_code == 0 else f"the fake engine ended: {reason}\n"
        if self._stopping.is_set():
            reason = "stopped"
        await self._items.send(
            Lost(generation=self._generation, exit_code=exit_code, reason=reason, log_tail=tail)
        )
        if not self._stopping.is_set():
            await self._become("restarting", reason)

    def watches(self, job: str) -> bool:
        """Say whether previews of a job are wanted. For its jobs."""
        return self._watched is None or job in self._watched

    def lose(self, exit_code: int, reason: str) -> None:
        """End this generation with an exit code. For its jobs."""
        if self._generation and self._loss is None:
            self._loss = (exit_code, reason)
            self._state = "restarting"
            self._over.set()

    async def _greet(self) -> None:
        if self._catalogue is None:
            data = await to_thread.run_sync(shipped("catalogue.json").read_bytes)
            self._catalogue = msgspec.json.decode(data, type=Catalogue)
        self._hello = Hello(
            protocol=PROTOCOL, pid=0, device="cpu", device_name="fake engine",
            memory_total=1 << 30, torch="", catalogue=self._catalogue,
        )  # fmt: skip
        await self.say(self._hello)

    async def _beat(self) -> None:
        while True:
            phase = "step" if self._jobs else "idle"
            await self.say(
                Heartbeat(
                    jobs=list(self._jobs), phase=phase, progress_age=0.0, rss=1 << 20,
                    used=1 << 20, total=1 << 30, models=sorted(self._models),
                    weights_ram=1 << 20, ram_budget=1 << 29,
                )
            )  # fmt: skip
            await anyio.sleep(self._script.beat)

    async def _wind_down(self, grace: float) -> None:
        self._play.park()
        with anyio.move_on_after(grace):
            while self._jobs:
                self._idle = anyio.Event()
                await self._idle.wait()
        self.lose(0, "stopped")

    async def _run(self, command: Run) -> None:
        began = anyio.current_time()
        assert self._catalogue is not None
        canceled = self._jobs[command.job]
        report = await self._play.play(command, canceled, self._catalogue, self._script)
        failpoint.hit("save.report")
        del self._jobs[command.job]
        self._idle.set()
        await self.say(msgspec.structs.replace(report, seconds=anyio.current_time() - began))

    async def say(self, report: AnyReport) -> None:
        """Report something, stamped with the generation. For its jobs."""
        await self._items.send(Stamped(generation=self._generation, report=report))

    async def _become(self, state: State, reason: str | None = None) -> None:
        self._state = state
        device = self._hello.device if self._hello else None
        await self._items.send(
            Changed(generation=self._generation, state=state, device=device, reason=reason)
        )
