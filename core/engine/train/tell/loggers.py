"""Loggers: what a run tells trackers beside the server: CSV, TensorBoard, Weights & Biases.

A tracker is a stranger's code and no part of the run: the first error of one, whatever it is, is a
warning, and the tracker is left out from then on. A run that goes on purges what it will say
again. Weights & Biases writes offline, to be sent later by hand (``wandb sync``), but where its
own environment variable says otherwise.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from PIL import Image
from pytorch_lightning.loggers import Logger, TensorBoardLogger, WandbLogger

from core.engine.train.tell.table import Table
from core.errors import Params
from core.records.recipe import Tracker

log = logging.getLogger(__name__)

Warn = Callable[[str, Params], None]  # code, parameters
PACKAGES: dict[Tracker, str] = {"tensorboard": "tensorboard", "wandb": "wandb"}
_PROJECT = "heliograph"


class Run(NamedTuple):
    """What trackers know a run by."""

    id: str
    name: str
    step: int = 0  # that it goes on from


class _Tells(Protocol):
    def log_sample(
        self, image: Image.Image, step: int, role: str, prompt: str, seed: int
    ) -> None: ...


def made(trackers: Sequence[Tracker], folder: Path, run: Run, warn: Warn) -> list["Soft"]:
    """Open the trackers that a recipe names; those that are not there are warned of.

    :param folder: of the run's logs; each tracker has one of its own inside.
    :param warn: told ``tracker_missing`` or ``tracker_dropped``, once for each tracker.
    """
    found = []
    for tracker in dict.fromkeys(trackers):
        package = PACKAGES.get(tracker)
        if package is not None and find_spec(package) is None:
            warn("tracker_missing", {"tracker": tracker, "package": package})
            continue
        opened = partial(_OPENED[tracker], folder / tracker, run)
        found.append(Soft(tracker, opened, warn))
    return found


class Soft(Logger):  # type: ignore[misc]  # no types
    """A tracker whose errors end it and nothing else.

    :param opened: makes it; called at the first thing that it is told.
    """

    def __init__(self, tracker: str, opened: Callable[[], Logger], warn: Warn) -> None:
        super().__init__()
        self._tracker, self._opened, self._warn = tracker, opened, warn
        self._logger: Logger | None = None
        self.dropped = False

    @property
    def name(self) -> str:
        """Name the kind of tracker."""
        return self._tracker

    @property
    def version(self) -> str:
        """Give no version."""
        return ""

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Tell the recipe."""
        self._do(lambda logger: logger.log_hyperparams(params))

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Tell numbers of a step."""
        self._do(lambda logger: logger.log_metrics(dict(metrics), step))

    def log_sample(self, image: Image.Image, step: int, role: str, prompt: str, seed: int) -> None:
        """Tell a picture that the run drew."""

        def told(logger: Any) -> None:
            teller: _Tells = logger
            teller.log_sample(image, step, role, prompt, seed)

        self._do(told)

    def save(self) -> None:
        """Write what is held back."""
        self._do(lambda logger: logger.save())

    def finalize(self, status: str) -> None:
        """End it: ``success``, ``failed`` or ``aborted``."""
        if self._logger is not None:
            self._do(lambda logger: logger.finalize(status))

    def _do(self, what: Callable[[Any], None]) -> None:
        if self.dropped:
            return
        try:
            if self._logger is None:
                self._logger = self._opened()
            what(self._logger)
        except Exception as error:
            self.dropped = True
            self._logger = None
            log.warning("Tracker %s is left out", self._tracker, exc_info=error)
            reason = f"{type(error).__name__}: {error}"[:200]
            self._warn("tracker_dropped", {"tracker": self._tracker, "reason": reason})


class Board(TensorBoardLogger):  # type: ignore[misc]  # no types
    """TensorBoard's event files; a viewer passes over what was said beyond a purged step."""

    def __init__(self, folder: Path, step: int) -> None:
        again = {"purge_step": step + 1} if step else {}
        super().__init__(str(folder), name="", version="", **again)

    def log_hyperparams(self, params: Any, *rest: Any, **named: Any) -> None:
        """Tell the recipe; lists are told as text."""
        plain = (str, int, float, bool)
        flat = {name: one if isinstance(one, plain) else str(one) for name, one in params.items()}
        super().log_hyperparams(flat, *rest, **named)

    def log_sample(self, image: Image.Image, step: int, role: str, prompt: str, seed: int) -> None:
        """Tell a picture under its role and prompt."""
        pixels = np.asarray(image.convert("RGB"))  # (H, W, 3)
        tag = f"samples/{role}/{prompt[:100]}"
        self.experiment.add_image(tag, pixels, step, dataformats="HWC")


class Weights(WandbLogger):  # type: ignore[misc]  # no types
    """Weights & Biases, offline unless WANDB_MODE says online."""

    def __init__(self, folder: Path, run: Run) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(
            name=run.name, id=run.id, save_dir=str(folder), project=_PROJECT,
            offline=os.environ.get("WANDB_MODE", "offline") != "online", resume="allow",
        )  # fmt: skip

    def log_sample(self, image: Image.Image, step: int, role: str, prompt: str, seed: int) -> None:
        """Tell a picture with its prompt and seed."""
        caption = f"{prompt} ({seed})"
        self.log_image(f"samples/{role}", [image], step=step, caption=[caption])

    def finalize(self, status: str) -> None:
        """End the run: this process may do others after it."""
        super().finalize(status)
        self.experiment.finish(exit_code=0 if status == "success" else 1)


_OPENED: dict[Tracker, Callable[[Path, Run], Logger]] = {
    "csv": lambda folder, run: Table(folder, run.step),
    "tensorboard": lambda folder, run: Board(folder, run.step),
    "wandb": Weights,
}
