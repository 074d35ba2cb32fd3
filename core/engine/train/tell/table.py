"""Table: a run's losses as CSV, its recipe as JSON, its samples as PNG with a list of them.

Appended to a step at a time, so that a run that is killed loses nothing; one that goes on from an
earlier step takes out what it is about to say again. Knows nothing of what the numbers mean.
"""

import csv
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from pytorch_lightning.loggers import Logger

FIRST = ("step", "loss", "loss_instance", "loss_prior", "lr", "grad_norm", "seconds", "validation")
_SAMPLES = ("step", "role", "prompt", "seed", "file")
_MAX_COLUMNS = 256


class Table(Logger):  # type: ignore[misc]  # no types
    """A folder with ``metrics.csv``, ``hparams.json``, ``samples.csv`` and ``samples/``.

    :param step: that the run goes on from; rows beyond it are taken out.
    :raises OSError: from every method, when the disk refuses.
    """

    def __init__(self, folder: Path, step: int = 0) -> None:
        super().__init__()
        self._folder = folder
        self._metrics, self._list = folder / "metrics.csv", folder / "samples.csv"
        folder.mkdir(parents=True, exist_ok=True)
        self._columns = _cut(self._metrics, FIRST, step)
        _cut(self._list, _SAMPLES, step)

    @property
    def name(self) -> str:
        """Name the kind of tracker."""
        return "csv"

    @property
    def version(self) -> str:
        """Give no version: a run has one table."""
        return ""

    @property
    def save_dir(self) -> str:
        """Name the folder."""
        return str(self._folder)

    def log_hyperparams(self, params: Any, *_: Any, **__: Any) -> None:
        """Write the recipe."""
        text = json.dumps(dict(params), indent=1, default=str)
        _replace(self._folder / "hparams.json", text)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append a row; a name that is new becomes a column, empty before."""
        new = [name for name in metrics if name not in self._columns]
        if new:
            room = _MAX_COLUMNS - len(self._columns)
            self._columns = (*self._columns, *new[:room])
            rows = _rows(self._metrics)
            _write(self._metrics, self._columns, rows)
        row = {**metrics, "step": step}
        with open(self._metrics, "a", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow([_text(row.get(name)) for name in self._columns])

    def log_sample(self, image: Image.Image, step: int, role: str, prompt: str, seed: int) -> None:
        """Keep a picture that the run drew."""
        folder = self._folder / "samples"
        folder.mkdir(exist_ok=True)
        number = sum(1 for _ in folder.glob(f"{step:07}-*"))
        file = folder / f"{step:07}-{number:02}-{role}.png"
        image.save(file)
        with open(self._list, "a", encoding="utf-8", newline="") as rows:
            csv.writer(rows).writerow([step, role, prompt, seed, f"samples/{file.name}"])


def _text(value: float | None) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, int) or math.isfinite(value) else str(value)


def _cut(path: Path, columns: tuple[str, ...], step: int) -> tuple[str, ...]:
    """Begin a table, or take rows beyond a step out of one; give its columns."""
    rows = _rows(path)
    found = tuple(dict.fromkeys((*columns, *(rows[0] if rows else ()))))
    kept = [row for row in rows if row["step"].isdigit() and int(row["step"]) <= step]
    _write(path, found, kept)
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    """Read a table; a last row that was cut short by a kill is left out."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [
                {name: text for name, text in row.items() if name and text is not None}
                for row in csv.DictReader(file)
                if row.get("step") and None not in row.values()
            ]
    except FileNotFoundError:
        return []


def _write(path: Path, columns: tuple[str, ...], rows: list[dict[str, str]]) -> None:
    beside = path.with_suffix(".tmp")
    with open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([row.get(name, "") for name in columns] for row in rows)
    os.replace(beside, path)


def _replace(path: Path, text: str) -> None:
    beside = path.with_suffix(".tmp")
    beside.write_text(text, "utf-8")
    os.replace(beside, path)
