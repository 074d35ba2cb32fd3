"""The sampling loop: rows of all jobs, stepped together wherever they can share a forward.

One thread. Each turn takes the rows that have waited longest and can share a batch, runs the
network once for all of them, each at its own timestep, and steps every row with its own
scheduler. Rows join and leave between turns. Knows neither jobs nor graphs.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Protocol

import torch
from torch import nn

from core.engine.baton import Baton, Cancelled
from core.engine.device import Device
from core.engine.diffusion.forward import predict
from core.engine.diffusion.pace import Pace
from core.engine.diffusion.rows import Row
from core.engine.diffusion.width import BOUND, Widths, WidthTable
from core.engine.faults import poisoned
from core.engine.ladder import Rung, Shortage, climb
from core.engine.reserve import Need, Reserve
from core.meters import COUNTS, SECONDS, Histogram

log = logging.getLogger(__name__)

_IDLE = 30.0  # seconds without rows after which the thread ends; the next row starts another
_SLICE = 1.0  # seconds between two looks of a waiting job at its rows


class _Residency(Protocol):
    def evict_idle(self) -> int: ...

    def offload(self, module: nn.Module) -> bool: ...

    def room(self) -> int: ...


class _Engine(Protocol):
    @property
    def baton(self) -> Baton: ...

    @property
    def device(self) -> Device: ...

    @property
    def residency(self) -> _Residency: ...

    @property
    def reserve(self) -> Reserve: ...

    @property
    def max_rows(self) -> int: ...


class SamplingLoop:
    """The one loop of an engine; ``engine.get(SamplingLoop)`` gives it."""

    def __init__(self, engine: _Engine) -> None:
        self.widths = WidthTable(most=engine.max_rows or BOUND)
        self.seconds, self.counts = Histogram(SECONDS), Histogram(COUNTS)  # of turns: time, rows
        self._baton = engine.baton
        self._device = engine.device
        self._residency = engine.residency
        self._reserve = engine.reserve
        self._condition = threading.Condition()
        self._rows: list[Row] = []  # in order of arrival
        self._turns = 0
        self._thread: threading.Thread | None = None
        self._pace = Pace()

    def sample(self, rows: Sequence[Row]) -> list[torch.Tensor]:
        """Denoise rows to their end; give their latents, (1, C, h, w) float32 on their device.

        Blocks this thread, which must not hold the baton. The network of the rows must stay
        where it is meanwhile. When one row fails the others of this call leave too; rows of
        other calls are not touched.

        :raises Cancelled: when a row's ``check`` does.
        :raises OutOfMemory: when a row alone does not fit, with every rung taken.
        :raises Exception: whatever the network or the scheduler of a row raised.
        """
        self._join(rows)
        try:
            with self._condition:
                while not _over(rows):
                    if not self._condition.wait(_SLICE):
                        self._wake()
        finally:
            self._drop(rows)
        for row in rows:
            if row.error is not None:
                raise row.error
        return [row.latents for row in rows]

    def count(self) -> int:
        """Count the rows that are being denoised."""
        return len(self._rows)

    def _join(self, rows: Sequence[Row]) -> None:
        with self._condition:
            for row in rows:
                row.since = self._turns
            self._rows.extend(row for row in rows if not row.done)
            self._wake()

    def _wake(self) -> None:
        if self._rows and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="sampling", daemon=True)
            self._thread.start()
        self._condition.notify_all()

    def _drop(self, rows: Sequence[Row]) -> None:
        with self._condition:
            self._rows = [row for row in self._rows if row not in rows]

    def _run(self) -> None:
        with torch.inference_mode():
            while self._serve():
                pass

    def _serve(self) -> bool:
        """Take one turn; say whether to go on. Nothing of a row outlives it in a local."""
        rows = self._wait()
        if rows is None:
            return False
        self._dismiss_canceled(rows)
        if chosen := self._choose([row for row in rows if row.ready]):
            self._turn(chosen)
        self._release(rows)
        return True

    def _wait(self) -> list[Row] | None:
        with self._condition:
            if not self._condition.wait_for(lambda: bool(self._rows), _IDLE):
                self._thread = None  # under the lock: whoever joins now starts another
                return None
            return list(self._rows)

    def _release(self, rows: Sequence[Row]) -> None:
        finished = [row for row in rows if row.done]
        if finished:
            with self._condition:
                self._rows = [row for row in self._rows if row not in finished]
                self._condition.notify_all()

    def _dismiss_canceled(self, rows: Sequence[Row]) -> None:
        for row in rows:
            try:
                row.check()
            except Cancelled as reason:
                row.error = reason

    def _choose(self, rows: Sequence[Row]) -> list[Row]:
        """Take the row that waited longest, and as many of its group as pay."""
        if not rows:
            return []
        waiting = sorted(rows, key=lambda row: row.since)  # stable: arrival decides ties
        head = waiting[0]
        if head.alone:
            return [head]
        group = [row for row in waiting if row.group == head.group and not row.alone]
        return self._fitting(group[: self.widths.of(head.kind).choose(len(group))])

    def _fitting(self, rows: list[Row]) -> list[Row]:
        """Leave out rows from the end, as long as it is known that all of them do not fit."""
        if len(rows) == 1:
            return rows
        most = self._reserve.fitting(_need(rows), self._residency.room)
        while len(rows) > 1 and _need(rows).width > most:
            rows.pop()
        return rows

    def _turn(self, rows: list[Row]) -> None:
        with self._baton.hold(rows[0].job, "step"):
            failure = _attempt(lambda: self._climb(rows))
        self._turns += 1
        for row in rows:
            row.since = self._turns
        if failure is not None:
            self._blame(rows, failure)

    def _climb(self, rows: list[Row]) -> None:
        """Step rows; those that memory does not suffice for are taken out, for a later turn."""
        company = list(rows)

        def tell(rung: str, shortage: Shortage) -> None:
            log.warning("%d rows lack memory: %s", len(company), rung)
            moved = {id(network) for network in rows[0].networks}
            sharing = [r for r in self._rows if any(id(n) in moved for n in r.networks)]
            for row in sharing if rung == "offload" else company:
                row.on_rung(rung, shortage)

        climb(
            lambda: self._step(rows),
            self._rungs(rows),
            device=self._device,
            tell=tell,
            expected=lambda: self._reserve.expect(_need(rows)),
            doubt=lambda: self._reserve.doubt(_need(rows)),
            share=lambda free: self._reserve.share(_need(rows), free),
        )

    def _rungs(self, rows: list[Row]) -> Iterator[Rung]:
        yield Rung("evict_idle", lambda: self._residency.evict_idle() > 0)
        while len(rows) > 1:
            yield Rung("narrow_batch", lambda: _halve(rows))
        yield Rung("offload", lambda: self._offload(rows))

    def _offload(self, rows: list[Row]) -> bool:
        moved = [self._residency.offload(network) for network in rows[0].networks]
        return any(moved)

    def _step(self, rows: list[Row]) -> None:
        learn = partial(self._learn, self.widths.of(rows[0].kind), len(rows))
        with self._reserve.working(_need(rows)), self._pace.turn(rows[0].device, learn):
            inputs, predictions = predict(rows)
        for row, scaled, prediction in zip(rows, inputs, predictions, strict=True):
            row.error = _attempt(lambda: row.advance(scaled, prediction))  # noqa: B023

    def _learn(self, widths: Widths, width: int, seconds: float) -> None:
        widths.learn(width, seconds)
        self.seconds.observe(seconds)
        self.counts.observe(width)

    def _blame(self, rows: list[Row], failure: BaseException) -> None:
        """Find out which row a failed forward is to blame on: no scheduler has stepped yet."""
        if len(rows) == 1 or poisoned(failure):
            for row in rows:
                row.error = failure
            return
        log.warning("A forward of %d rows failed; each is tried alone: %s", len(rows), failure)
        for row in rows:
            row.alone = True


def _need(rows: Sequence[Row]) -> Need:
    model, shape, *rest = rows[0].kind
    return Need((model, *rest), "step", shape, sum(row.halves for row in rows))


def _halve(rows: list[Row]) -> bool:
    del rows[(len(rows) + 1) // 2 :]
    return True


def _over(rows: Sequence[Row]) -> bool:
    return all(row.done for row in rows) or any(row.error is not None for row in rows)


def _attempt(work: Callable[[], None]) -> BaseException | None:
    """Do a piece of one job's work on the loop's thread; give what it raised."""
    try:
        work()
    except (Exception, Cancelled) as error:
        return error
    return None
