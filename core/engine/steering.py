"""Steering: what was asked of a running training and is not done yet.

Written by the inbox's thread, read by the run between two steps. Holds no more than a few wishes,
however often they come: the newest pause or resume counts, a checkpoint is wanted or not, and of
samples the last few. Knows no torch, and nothing of what is done.
"""

import threading
from collections import deque
from typing import Literal

from core.ipc.commands import Steer

Reason = Literal["stopping", "memory"]  # to be saved and let go of

_SAMPLES = 4  # wishes for samples that wait; of more the oldest are forgotten
_PROMPTS = 16  # of one wish
_LONGEST = 1000  # characters of a prompt


class Wishes:
    """The wishes for one run. Every method may be called from any thread, and returns at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._pausing: bool | None = None
        self._stopping = False
        self._saving = False
        self._parking: Reason | None = None
        self._samples: deque[tuple[str, ...]] = deque(maxlen=_SAMPLES)
        self.canceled = False  # by its owner, and not because the engine ends

    def steer(self, command: Steer) -> None:
        """Take a wish."""
        with self._lock:
            match command.steering:
                case "pause" | "resume":
                    self._pausing = command.steering == "pause"
                case "stop":
                    self._stopping = True
                case "checkpoint":
                    self._saving = True
                case "sample":
                    prompts = command.prompts[:_PROMPTS]
                    self._samples.append(tuple(prompt[:_LONGEST] for prompt in prompts))
        self._news.set()

    def park(self, reason: Reason) -> None:
        """Ask the run to save itself and let go; a first reason stays."""
        with self._lock:
            self._parking = self._parking or reason
        self._news.set()

    def cancel(self) -> None:
        """Note that the run's owner does not want it any more."""
        self.canceled = True
        self._news.set()

    @property
    def parking(self) -> Reason | None:
        """Say why the run is to let go; ``None``: it is not."""
        return self._parking

    @property
    def stopping(self) -> bool:
        """Say whether the run is to end after this step."""
        return self._stopping

    @property
    def ending(self) -> bool:
        """Say whether the run is not to take another step."""
        return self._stopping or self._parking is not None or self.canceled

    def pausing(self) -> bool | None:
        """Take the newest wish to pause (true) or to go on (false), if one came since."""
        with self._lock:
            taken, self._pausing = self._pausing, None
            return taken

    def saving(self) -> bool:
        """Take the wish for a checkpoint, if there is one."""
        with self._lock:
            taken, self._saving = self._saving, False
            return taken

    def samples(self) -> list[tuple[str, ...]]:
        """Take the wishes for samples: prompts of each, none for the recipe's."""
        with self._lock:
            taken = list(self._samples)
            self._samples.clear()
            return taken

    def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long; say whether some came."""
        came = self._news.wait(seconds)
        self._news.clear()
        return came
