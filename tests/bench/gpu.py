"""True SD1.5 and SDXL shapes on a card, with random weights: ``python -m tests.bench gpu``.

Jobs run the real node on the real loop; diffusers' own pipelines around the same denoisers take
turns with them. Keeps to the seconds it is given, and writes what it has after each figure.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import torch

from core.engine.device import Device
from core.errors import HeliographError
from tests.bench import bare, invariance, shapes
from tests.bench.captured import Captured
from tests.bench.report import Row, median_ratio
from tests.bench.shapes import Shape
from tests.bench.studio import Studio

_CLIENTS = 8
_WARM = 4  # steps: the loop learns its width, libraries choose their kernels
_FULL = 20  # steps of a picture, which figures are scaled to
_FIRST, _SLOWER = 4.0, 2.2  # seconds of a first figure; how much longer the next one may take
ROWS, MORE = (1, 2, 4, 8), (3, 6, 12, 16)
Work = Callable[[], tuple[list[Row], dict[str, Any]]]


class Bench:
    """Measures until its time is up.

    :param seconds: from now on; what may not fit is left out and told.
    :param out: where the figures are written to, as JSON.
    """

    def __init__(self, seconds: float, out: Path | None, tiny: bool) -> None:
        self._until = time.monotonic() + seconds
        self._out = out
        self.device = Device("auto" if not tiny else "cpu")
        self.studio = Studio(self.device)
        self.rows: list[Row] = []
        self._told: dict[str, Any] = {
            "device": self.device.title(), "dtype": str(self.device.dtype), "tiny": tiny,
            "torch": torch.__version__, "cudnn": torch.backends.cudnn.version(),
            "seconds": seconds, "measured": [], "left_out": [], "failed": [],
        }  # fmt: skip
        self.rows.append(
            Row(what="memory of the device", value=self.device.total() / 1e9, unit="GB",
                beside=f"{self.device.title()}, {self.device.dtype}, torch {torch.__version__}")
        )  # fmt: skip

    def measure(self, what: str, work: Work, expected: float = _FIRST) -> float:
        """Do ``work``, which gives rows and figures, and keep those, unless it does not fit.

        :param expected: seconds that it may take.
        :returns: the seconds that it took.
        """
        since = time.monotonic()
        if since + expected > self._until:
            self._told["left_out"].append(what)
            return expected
        try:
            rows, figures = work()
        except (RuntimeError, HeliographError) as error:
            sys.stdout.write(f"{what}: {error}\n")
            self._told["failed"].append({"what": what, "error": f"{type(error).__name__}: {error}"})
            return time.monotonic() - since
        took = time.monotonic() - since
        self.rows += rows
        self._told["measured"].append({"what": what, **figures, "took": took})
        for row in rows:
            sys.stdout.write(f"{row.what}: {row.value:.4g} {row.unit} {row.beside}\n")
        sys.stdout.flush()
        self.write()
        return took

    def write(self) -> None:
        """Write what there is."""
        if self._out is not None:
            self._out.write_text(json.dumps(self._told, indent=1) + "\n", "utf-8")


def measure(seconds: float = 100.0, out: Path | None = None, tiny: bool = False) -> list[Row]:
    """Measure in order of weight: plain, what previews cost, batches; then the variants."""
    small, large = (shapes.TINY15, shapes.TINYXL) if tiny else (shapes.SD15, shapes.SDXL)
    bench = Bench(seconds, out, tiny)
    device = bench.device
    try:
        networks = {}
        for shape, captured in ((small, (1, 8)), (large, (1,))):
            network = shapes.make(shape, device.torch, device.dtype)
            _widths(bench, shape, "plain", network, ROWS, peer=True)
            if shape is small:
                bench.measure("jobs", lambda: _crowd(bench, small))
                bench.measure("previews", lambda: _previews(bench, small))
                bench.measure("batches", lambda: invariance.compare(bench.studio, small))
            network.to(memory_format=torch.channels_last)
            _widths(bench, shape, "channels_last", network, ROWS)
            _widths(bench, shape, "channels_last and captured", Captured(network), captured)
            networks[shape] = network
        for shape, network in networks.items():
            _widths(bench, shape, "channels_last", network, MORE)
        bench.write()
    finally:
        bench.studio.close()
    return bench.rows


def _widths(
    bench: Bench, shape: Shape, variant: str, network: Any, counts: Sequence[int],
    *, peer: bool = False,
) -> None:  # fmt: skip
    """Measure a step of so many rows in one job, perhaps in turn with diffusers' pipeline."""
    device, name = bench.device, f"{shape.name}, {variant}"
    bench.studio.take(name, network)
    bare_draw = bare.pipeline(shape, network, device.torch, device.dtype) if peer else None
    took, before = _FIRST / _SLOWER, counts[0]
    for count in counts:
        ours = _Timed(lambda n, steps: bench.studio.draw(name, shape, n, steps=steps), count, shape)
        theirs = _Timed(bare_draw, count, shape) if bare_draw else None
        what = f"{name}, {count} rows"
        expected = took * min(_SLOWER, max(1.2, 1.1 * count / before))
        work = partial(_step, bench, shape, what, ours, theirs)
        took, before = bench.measure(what, work, expected), count


class _Timed:
    """Something that draws so many pictures, and what its steps took."""

    def __init__(self, draw: Callable[[int, int], Any], count: int, shape: Shape) -> None:
        self.count = count
        self.seconds: list[float] = []
        self._draw, self._steps = draw, shape.steps

    def warm(self) -> None:
        """Draw a little."""
        self._draw(self.count, min(_WARM, self._steps))

    def run(self) -> None:
        """Draw, and note the seconds; the latents come back to RAM, so the work is done."""
        since = time.perf_counter()
        self._draw(self.count, self._steps)
        self.seconds.append(time.perf_counter() - since)

    @property
    def step(self) -> float:
        """Give the milliseconds of a step."""
        return statistics.median(self.seconds) / self._steps * 1000

    @property
    def rate(self) -> float:
        """Give the pictures of twenty steps in a second."""
        return self.count / (self.step / 1000 * _FULL)


def _step(
    bench: Bench, shape: Shape, what: str, ours: _Timed, theirs: _Timed | None
) -> tuple[list[Row], dict[str, Any]]:
    both = [one for one in (ours, theirs) if one is not None]
    for one in both:
        one.warm()
    turns, rows = bench.studio.turns()
    for _ in range(shape.turns):
        for one in both:
            one.run()
    turns, rows = (
        now - then for now, then in zip(bench.studio.turns(), (turns, rows), strict=True)
    )
    share = shape.ceiling * ours.count / ours.step
    figures = {
        "rows": ours.count, "steps": shape.steps, "seconds": ours.seconds, "step_ms": ours.step,
        "images_per_s": ours.rate, "of_ceiling": share, "rows_a_forward": rows / max(1, turns),
    }  # fmt: skip
    beside = f"{ours.rate:.2f} images/s, {share:.0%} of the ceiling"
    if shape.steps != _FULL:
        beside += f" (scaled from {shape.steps} steps)"
    made = [Row(what=f"{what}: a step", value=ours.step, unit="ms", beside=beside)]
    if theirs is not None:
        figures |= {"peer_seconds": theirs.seconds, "peer_step_ms": theirs.step}
        made.append(
            Row(what=f"{what} ÷ diffusers' pipeline", unit="×", target=1.05,
                value=median_ratio(ours.seconds, theirs.seconds),
                beside=f"{theirs.step:.1f} ms a step")
        )  # fmt: skip
    return made, figures


def _crowd(bench: Bench, shape: Shape) -> tuple[list[Row], dict[str, Any]]:
    """Let clients ask for one picture after another, each when it has its last one."""
    name, each = f"{shape.name}, plain", 1 + shape.turns
    ended: list[float] = []

    def ask(client: int) -> None:
        for picture in range(each):
            bench.studio.draw(name, shape, 1, steps=shape.steps, seed=client * each + picture)
            ended.append(time.perf_counter())

    turns, rows = bench.studio.turns()
    since = time.perf_counter()
    with ThreadPoolExecutor(_CLIENTS) as clients:
        list(clients.map(ask, range(_CLIENTS)))
    took = time.perf_counter() - since
    turns, rows = bench.studio.turns()[0] - turns, bench.studio.turns()[1] - rows
    rate = len(ended) * shape.steps / _FULL / took
    width = rows / max(1, turns)
    row = Row(what=f"{shape.name}, plain: jobs of one picture, from {_CLIENTS} clients", value=rate,
              unit="images/s", beside=f"{len(ended)} jobs, {width:.1f} rows a forward")  # fmt: skip
    return [row], {
        "jobs": len(ended),
        "seconds": took,
        "images_per_s": rate,
        "rows_a_forward": width,
    }


def _previews(bench: Bench, shape: Shape) -> tuple[list[Row], dict[str, Any]]:
    """Draw one picture that somebody watches, and one that nobody does, in turn."""
    name = f"{shape.name}, plain"
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(1 + shape.turns * 2):
        for watched, kept in times.items():
            since = time.perf_counter()
            bench.studio.draw(name, shape, 1, steps=shape.steps, watched=watched)
            kept.append(time.perf_counter() - since)
    on, off = times[True][1:], times[False][1:]
    ratio = median_ratio(on, off)
    beside = f"{statistics.median(on):.3f} s and {statistics.median(off):.3f} s, 8 a second"
    row = Row(what=f"{shape.name}: a picture with previews ÷ without", value=ratio, unit="×",
              target=1.03, beside=beside)  # fmt: skip
    return [row], {"on": on, "off": off, "ratio": ratio}
