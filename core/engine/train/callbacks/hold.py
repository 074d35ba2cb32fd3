"""Holding: a run has the device for one forward and what follows it, and waits for it in between.

Pictures are worth more to whoever waits for them, so a run asks for the baton with priority −1; the
baton sees to it that it gets its share. Between two holds nothing of the run is on its way, so what
others find is a device at rest. Knows neither pictures nor losses.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

from pytorch_lightning import Callback

from core.engine.baton import Baton
from core.engine.ladder import FREE

PRIORITY = -1
PHASE = "train"


class Hold(Callback):  # type: ignore[misc]  # no types
    """Holds the baton from the beginning of a batch to its end.

    In a trainer's list it stands after all that work with the device at the end of a batch, and
    before all that must not hold it.

    :param check: leaves where the job is canceled; asked before each batch, and while it waits.
    :param ready: says under the baton whether a batch may begin; else the device is let go of.
    :param wait: called without it then, before it is asked for again; may raise to leave.
    :param measured: what a batch is done within, so that room is made for it.
    :param free: gives the bytes that are free on the device.
    """

    def __init__(
        self,
        baton: Baton,
        job: str,
        check: Callable[[], None],
        ready: Callable[[], bool] = lambda: True,
        wait: Callable[[], None] = lambda: None,
        measured: Callable[[], AbstractContextManager[None]] = nullcontext,
        free: Callable[[], int] = lambda: 0,
    ) -> None:
        self._baton = baton
        self._job = job
        self._check = check
        self._ready = ready
        self._wait = wait
        self._measured = measured
        self._free = free
        self._held = ExitStack()
        self.count = 0  # holds so far

    @contextmanager
    def working(self, phase: str = PHASE) -> Iterator[None]:
        """Have the device for a piece of work beside batches."""
        with self._baton.hold(self._job, phase, PRIORITY, self._check):
            yield

    @contextmanager
    def driving(self) -> Iterator[None]:
        """Have the device while a trainer is set up, until its first batch is fetched."""
        self._take()
        try:
            yield
        finally:
            self._held.close()

    def on_train_start(self, *_: Any) -> None:
        """Let go: data is fetched first."""
        self._held.close()

    def on_train_batch_start(self, *_: Any) -> None:
        """Take the device."""
        while True:
            self._check()
            self._take()
            if self._ready():
                self._held.enter_context(self._measured())
                return
            self._held.close()
            self._wait()

    def on_train_batch_end(self, *_: Any) -> None:
        """Let go of it."""
        self._held.close()

    def on_exception(self, trainer: Any, module: Any, exception: BaseException) -> None:
        """Let go of it, whatever happened."""
        exception.__dict__[FREE] = self._free()  # before the trainer lets go of its tensors
        self._held.__exit__(type(exception), exception, exception.__traceback__)

    def _take(self) -> None:
        self._held.enter_context(self.working())
        self.count += 1
