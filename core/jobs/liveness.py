"""When an engine counts as dead, and how soon the next one may start. Pure functions of time.

Two clocks: the heartbeat says that the process lives, progress says that it works. A beating
heart without progress is a hang. All times are seconds of a monotonic clock.
"""

from collections import deque
from statistics import median

from msgspec import Struct, field

from core.ipc.reports import (
    AnyReport,
    Heartbeat,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    TrainingParked,
)

_LOADING = frozenset({"import", "load"})  # phases that may hold the interpreter's lock
_STEP_FACTOR = 20  # a step may take as many times the running median
_STEPS = 33  # durations the median is taken of
_PHASES = {  # seconds without progress
    "import": 180.0,
    "load": 300.0,
    "encode": 60.0,
    "step": 60.0,
    "decode": 120.0,
    "save": 60.0,
    "train": 120.0,
    "checkpoint": 300.0,
}
_BACK_OFF = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)


class Limits(Struct, frozen=True, kw_only=True):
    """Every deadline of an engine process, in seconds."""

    hello: float = 180.0  # start → first report: torch is imported meanwhile
    beat: float = 15.0  # without a report
    beat_loading: float = 30.0
    phases: dict[str, float] = field(default_factory=lambda: dict(_PHASES))
    other_phase: float = 300.0
    tick: float = 1.0  # how often the clocks are looked at
    terminate: float = 5.0  # asked to end → killed
    kill: float = 10.0  # killed → given up as stuck in the driver
    back_off: tuple[float, ...] = _BACK_OFF
    healthy: float = 60.0  # an engine that lived so long starts the back-off anew
    crashes: int = 5  # so many within ``window`` open the circuit
    window: float = 300.0
    probe: float = 60.0  # an open circuit is tried again after


class Liveness:
    """The two clocks of one engine process."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._started = self._heard = self._moved = now
        self._greeted = False
        self._beat: Heartbeat | None = None
        self._stepped: dict[str, float] = {}  # job → time of its last step
        self._durations: deque[float] = deque(maxlen=_STEPS)

    def hear(self, report: AnyReport, now: float) -> None:
        """Note a report: each proves life, most prove progress."""
        self._heard = now
        if isinstance(report, Heartbeat):
            self._beat = report
            self._moved = max(self._moved, now - report.progress_age)
            return
        self._moved = now
        if isinstance(report, Hello):
            self._greeted = True
        elif isinstance(report, JobProgressed):
            before = self._stepped.get(report.job)
            if before is not None and report.phase == "step":
                self._durations.append(now - before)
            self._stepped[report.job] = now
        elif isinstance(report, JobDone | JobFailed | JobCanceled | TrainingParked):
            self._stepped.pop(report.job, None)

    def resume(self, now: float) -> None:
        """Forgive the time since the last report: nobody listened."""
        idle = now - self._heard
        self._heard += idle
        self._moved += idle

    def verdict(self, now: float) -> str | None:
        """Say why the engine counts as dead: no_hello, no_heartbeat, no_progress; else ``None``."""
        limits = self._limits
        if not self._greeted:
            return "no_hello" if now - self._started > limits.hello else None
        phase = self._beat.phase if self._beat else "idle"
        if now - self._heard > (limits.beat_loading if phase in _LOADING else limits.beat):
            return "no_heartbeat"
        if self._beat and self._beat.jobs:
            return "no_progress" if now - self._moved > self._deadline(phase) else None
        return None

    def _deadline(self, phase: str) -> float:
        seconds = self._limits.phases.get(phase, self._limits.other_phase)
        if phase in {"step", "decode", "train"} and self._durations:
            return max(seconds, _STEP_FACTOR * median(self._durations))
        return seconds


class Restarts:
    """Back-off between two engines, and the circuit that opens when they all die young."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._young = 0  # ends in a row without a healthy life between
        self._crashes: deque[float] = deque(maxlen=limits.crashes)

    def ended(self, now: float, *, lived: float, worked: bool, blamed: bool) -> tuple[float, bool]:
        """Note an end; give the seconds to wait, and whether the circuit is open.

        :param lived: seconds from hello to the end; 0 without a hello.
        :param worked: it finished a job.
        :param blamed: exactly one job was in flight: that one is suspect, not the engine.
        """
        if worked or lived >= self._limits.healthy:
            self._young = 0
        delay = self._limits.back_off[min(self._young, len(self._limits.back_off) - 1)]
        self._young += 1
        if not blamed:
            self._crashes.append(now)
        if (
            len(self._crashes) == self._limits.crashes
            and now - self._crashes[0] <= self._limits.window
            and not blamed
        ):
            return self._limits.probe, True
        return delay, False
