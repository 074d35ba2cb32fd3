"""Training: our step beside a step of diffusers' DreamBooth script, on the starter, in one run.

Both train all of the network in float32 with a subject and a class picture a step, in turns on the
same cores. The peer is the loop of that script, which the tests hold to losses that it logged; with
``--peer PATH`` the script itself runs as well, unmodified.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy
from PIL import Image

from core.paths import shipped
from tests.bench.report import Row, median_ratio
from tests.bench.steps import CLASSES

ROUNDS, STEPS = 12, 5
WARM = 3  # steps before anything is measured
SUBJECTS = 5
_MIB = 1 << 20
_SIZE = 64


class Side:
    """A process that takes steps when it is told to."""

    def __init__(self, child: "subprocess.Popen[str]") -> None:
        self._child = child
        self.seconds: list[float] = []  # a step, of each round
        self.peak = self.rise = 0  # bytes: at most, and of it beyond its libraries

    def take(self, count: int, *, counts: bool = True) -> None:
        """Take some steps."""
        self._say(f"{count}\n")
        seconds = float(self._hear())
        if counts:
            self.seconds.append(seconds / count)

    def end(self) -> None:
        """Let it end, and read what memory it had."""
        self._say("\n")
        self.peak, libraries = map(int, self._hear().split())
        self.rise = self.peak - libraries

    def _say(self, line: str) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(line)
        self._child.stdin.flush()

    def _hear(self) -> str:
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        if not line:
            raise RuntimeError("A process of the bench ended: see above")
        return line


def measure(peer: Path | None = None) -> list[Row]:
    """Take turns; give our step and our memory beside the peer's."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write(folder)
        ours, plain = (stack.enter_context(side(kind, folder)) for kind in ("ours", "peer"))
        for each in (ours, plain):
            each.take(WARM, counts=False)
        for _ in range(ROUNDS):
            ours.take(STEPS)
            plain.take(STEPS)
        for each in (ours, plain):
            each.end()
        rows = [
            _ratio("the script's loop", ours, plain.seconds),
            _memory("beyond its libraries", "that loop", ours.rise, plain.rise),
            _memory("of the process", "that loop", ours.peak, plain.peak),
        ]
        if peer is not None:
            taken, peak = _script(folder, peer)
            rows.append(_ratio("the script itself", ours, taken))
            rows.append(_memory("of the process", "the script itself", ours.peak, peak))
    return rows


def write(folder: Path) -> None:
    """Put the starter and pictures of chance into a folder: what they show costs nothing."""
    shutil.copytree(shipped("starter"), folder / "model")
    for name, count in (("inst", SUBJECTS), ("cls", CLASSES)):
        (folder / name).mkdir()
        for number in range(count):
            drawn = numpy.random.default_rng(number).integers(
                0, 256, (_SIZE, _SIZE, 3), numpy.uint8
            )
            Image.fromarray(drawn).save(folder / name / f"{number:02d}.png")


def _ratio(beside: str, ours: Side, others: list[float]) -> Row:
    own = statistics.median(ours.seconds)
    if len(others) == len(ours.seconds):
        ratio = median_ratio(ours.seconds, others)
    else:
        ratio = own / statistics.median(others)
    return Row(
        what=f"full training of the starter, 1 + 1 pictures: our step ÷ that of {beside}",
        value=ratio, target=1.0,
        beside=f"{own * 1000:.0f} ms, {statistics.median(others) * 1000:.0f} ms",
    )  # fmt: skip


def _memory(which: str, beside: str, own: int, other: int) -> Row:
    return Row(
        what=f"peak memory {which} ÷ that of {beside}", value=own / other, target=1.0,
        beside=f"{own / _MIB:.0f} MiB, {other / _MIB:.0f} MiB",
    )  # fmt: skip


def _command(kind: str, folder: Path, *more: str) -> list[str]:
    steps = str(WARM + ROUNDS * STEPS + 1)
    threads = str(os.cpu_count() or 1)
    return [sys.executable, "-m", "tests.bench.steps", kind, str(folder), threads, steps, *more]


@contextmanager
def side(kind: str, folder: Path) -> Iterator[Side]:
    """Start a process that takes steps of a kind."""
    child = subprocess.Popen(
        _command(kind, folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Side(child)
    finally:
        child.kill()
        child.communicate()


def _script(folder: Path, path: Path) -> tuple[list[float], int]:
    """Run the script of the peer; give the seconds of its steps, and its memory."""
    alone = {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "ACCELERATE_USE_CPU": "true"}
    done = subprocess.run(
        _command("script", folder, str(path.resolve())), env=os.environ | alone,
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    taken, peak = done.stdout.splitlines()[-2:]
    return json.loads(taken)[WARM:], int(peak.split()[0])
