"""Runs in processes of their own, that a test kills, starves of room, and starts anew.

``python -m tests.engine.train.forks MODEL`` reads the model once and forks for each run it is asked
for, so that a kill costs the next start milliseconds. A line of JSON asks, one tells the process,
one its end.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FULL = 28  # how a run ends that the disk has no room for
_PATIENCE = 120.0  # seconds


class Forks:
    """Who forks, as a test sees it: a context manager."""

    def __init__(self, model: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.engine.train.forks", model],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self._left = b""  # what was read and is no whole line
        self._told(_PATIENCE)

    def __enter__(self) -> "Forks":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE)
        self._process.stdout.close()

    def run(self, folder: Path, *, kill_after: float | None = None, **wanted: Any) -> int:
        """Run to the end, or kill it after some seconds; give how it ended: −9 where it was killed.

        :param wanted: ``steps``, ``failpoints``, ``disk``, ``report``, and changes of the recipe.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), **wanted}).encode() + b"\n")
        number = self._told(_PATIENCE)
        assert number is not None
        ended = self._told(_PATIENCE if kill_after is None else kill_after)
        if ended is None:
            with contextlib.suppress(ProcessLookupError):  # it ended meanwhile
                os.kill(number, signal.SIGKILL)
            ended = self._told(_PATIENCE)
        assert ended is not None
        return ended

    def timed(self, folder: Path, **wanted: Any) -> float:
        """Run to the end, and give the seconds it took."""
        since = time.monotonic()
        assert self.run(folder, **wanted) == 0
        return time.monotonic() - since

    def _told(self, patience: float) -> int | None:
        """Read one number, if it comes in time."""
        assert self._process.stdout is not None
        stream = self._process.stdout.fileno()
        while b"\n" not in self._left:
            if not select.select([stream], [], [], patience)[0]:
                return None
            piece = os.read(stream, 4096)
            assert piece, "who forks has ended"
            self._left += piece
        line, _, self._left = self._left.partition(b"\n")
        return int(line)


def _run(base: Any, wanted: dict[str, Any]) -> int:
    from core import failpoint
    from core.errors import DiskFull
    from tests.engine.train.resumes import Run, recipe

    folder, steps = Path(wanted.pop("folder")), wanted.pop("steps")
    report = wanted.pop("report", None)
    failpoint.arm(wanted.pop("failpoints", ""))
    starve = _starving(wanted.pop("disk", None))
    run = Run(folder, base, recipe(**wanted), steps, after=[starve])
    try:
        run.fit()
    except DiskFull:
        return FULL
    if report is not None:
        Path(report).write_text(json.dumps({"warnings": [code for code, _ in run.warnings]}))
    return 0


def _starving(told: dict[str, Any] | None) -> Any:
    from pytorch_lightning import Callback, Trainer

    from core.engine.train.keep.keeping import Kept
    from tests.disks import Limited, SmallDisk

    class Starve(Callback):  # type: ignore[misc]
        """Fills the disk after a step, and gives it room again after another."""

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            if told is None:
                return
            if trainer.global_step in (told["fill"], told["free"]):
                # what was begun before ends with the room that there was before
                next(one for one in trainer.callbacks if isinstance(one, Kept)).settle()
            disk = (SmallDisk if told["kind"] == "tmpfs" else Limited)(Path(told["folder"]))
            if trainer.global_step == told["fill"]:
                disk.fill(os.getpid(), leave=told["leave"])
            if trainer.global_step == told["free"]:
                disk.free(os.getpid())

    return Starve()


def _serve(model: Path) -> None:
    from tests.engine.train import resumes  # noqa: F401  # before anything is forked
    from tests.engine.train.runs import base_of

    base = base_of(model)
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    print(0, file=out)
    for line in sys.stdin:
        number = os.fork()
        if number == 0:
            ended = 1
            try:
                ended = _run(base, json.loads(line))
            except BaseException:
                traceback.print_exc()
            os._exit(ended)
        print(number, file=out)
        print(os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]), file=out)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
