"""One job of the fake engine: what it reports on the way, and the faults it is asked for."""

import re
from collections.abc import Callable
from typing import Literal, Protocol

import anyio
import msgspec
from anyio import to_thread
from msgspec import Struct

from core.errors import DiskFull, HeliographError, NodeFailed
from core.ipc.commands import RunGraph
from core.ipc.reports import (
    AnyReport,
    Degraded,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Previewed,
    SavedImage,
)
from core.jobs.fake_run import Failed, FakeRun, Move, thumbnail, thumbnail_size

Fault = Literal["crash", "crash-once", "hang", "junk", "fail", "oom", "slow", "damage"]

# What values that are hardly there may raise in a graph that no engine has run yet.
_BROKEN = (
    msgspec.MsgspecError,
    ArithmeticError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)
_DISK = anyio.CapacityLimiter(4)
_ASKED = re.compile(r"\bfake:(crash-once|crash|hang|junk|fail|oom|slow|damage)\b")


def asked_fault(command: RunGraph) -> Fault | None:
    """Find the fault that a prompt asks for."""
    for node in command.graph.nodes:
        found = _ASKED.search(str(node.settings.get("prompt", "")))
        if found:
            return found[1]  # type: ignore[return-value]  # the pattern holds the same words
    return None


class FakeScript(Struct, frozen=True, kw_only=True):
    """What the fake engine does beside its work. Times in seconds."""

    start: float = 0.0  # until the hello
    restart: float = 0.0  # back-off after a crash
    beat: float = 2.0  # between two heartbeats
    step: float = 0.0  # each step of a sampler
    slow: float = 10.0  # by how much a "slow" job is slower
    slow_step: float = 0.05  # what each step of a "slow" job takes at least
    deaf: bool = False  # answers no Ping
    preview_rate: float = 8.0  # a second and job
    preview_size: int = 256  # longest side, pixels
    fault: Callable[[RunGraph], Fault | None] = asked_fault


class Host(Protocol):
    """What a job needs of its engine."""

    async def say(self, report: AnyReport) -> None:
        """Report something."""

    def watches(self, job: str) -> bool:
        """Say whether previews of a job are wanted."""

    def lose(self, exit_code: int, reason: str) -> None:
        """End this generation."""


class FakeJob:
    """Play one run: report its moves, obey its cancel, fail as asked.

    :param crashed: jobs that crashed once already.
    """

    def __init__(
        self,
        command: RunGraph,
        run: FakeRun,
        script: FakeScript,
        canceled: anyio.Event,
        crashed: set[str],
        host: Host,
    ) -> None:
        self._job = command.job
        self._run = run
        self._script = script
        self._canceled = canceled
        self._crashed = crashed
        self._host = host
        self._fault = script.fault(command)
        self._shown = 0.0  # time of the last preview

    async def play(self) -> JobDone | JobFailed | JobCanceled:
        """Run to the end; give the last report."""
        pace = self._script.step
        if self._fault == "slow":
            pace = max(pace * self._script.slow, self._script.slow_step)
        try:
            if self._run.paths:
                await to_thread.run_sync(self._run.read, limiter=_DISK)
            for move in self._run.moves():
                if move.phase == "step":
                    await self._misbehave(move)
                    await anyio.sleep(pace)
                if self._canceled.is_set():
                    return JobCanceled(job=self._job)
                await self._tell(move)
            images = await to_thread.run_sync(self._save, limiter=_DISK)
        except Failed as failed:
            return self._failed(failed.error, failed.node, failed.path)
        except DiskFull as error:
            return self._failed(error)
        except OSError as error:
            return self._failed(NodeFailed(error=str(error)))
        except _BROKEN as error:
            return self._failed(NodeFailed(error=f"{type(error).__name__}: {error}"))
        return JobDone(
            job=self._job,
            images=images,
            outputs=self._run.outputs,
            cached=self._run.cached,
            ran=self._run.ran,
            cached_nodes=tuple(self._run.cached_nodes),
        )

    def _failed(
        self, error: HeliographError, node: str | None = None, path: str | None = None
    ) -> JobFailed:
        params = {"node": node, **error.params}
        return JobFailed(
            job=self._job, code=error.name, params=params, node=node, path=path,
            cached_nodes=tuple(self._run.cached_nodes),
        )  # fmt: skip

    def _save(self) -> list[SavedImage]:
        saved = self._run.save()
        if self._fault == "damage":
            saved = [msgspec.structs.replace(one, sha256="0" * 64) for one in saved]
        return saved

    async def _misbehave(self, move: Move) -> None:
        """Do at the first step what the script asks.

        :raises Failed: for ``fail`` and ``oom``.
        """
        fault = self._fault if move.step == 1 else None
        if fault == "crash-once" and self._job not in self._crashed:
            self._crashed.add(self._job)
            fault = "crash"
        if fault in ("crash", "junk"):
            self._host.lose(-11, "exit" if fault == "crash" else "junk")
        if fault in ("crash", "junk", "hang"):
            await anyio.sleep_forever()  # until this generation is over
        if fault == "fail":
            error = NodeFailed(type="latent.sample", error="asked to fail")
            raise Failed(error, move.node)
        if fault == "oom":
            await self._host.say(Degraded(job=self._job, rung="evict_idle", needed=2, free=1))
            raise Failed(NodeFailed("out_of_memory", needed=2, free=1), move.node)

    async def _tell(self, move: Move) -> None:
        await self._host.say(
            JobProgressed(
                job=self._job,
                node=move.node,
                phase=move.phase,
                step=move.step,
                steps=move.steps,
                cached_nodes=tuple(self._run.cached_nodes),
            )
        )
        rate, side, now = self._script.preview_rate, self._script.preview_size, anyio.current_time()
        if move.canvas is None or not rate or now - self._shown < 1 / rate:
            return
        if not self._host.watches(self._job):
            return
        self._shown = now
        width, height = thumbnail_size(move.canvas, side)
        await self._host.say(
            Previewed(
                job=self._job,
                node=move.node,
                step=move.step,
                steps=move.steps,
                width=width,
                height=height,
                mime="image/webp",
                data=thumbnail(move.canvas, side, move.step / move.steps),
            )
        )
