"""Take a safeguard away and see a test turn red: a promise that no test keeps is none.

Each mutant is a copy of the house with one line changed. Its tests must fail by an assertion, not
by an error of import: then pytest's exit code is 1.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("core", "server", "tests", "i18n", "migrations", "starter", "pyproject.toml")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Mutant(NamedTuple):
    """One safeguard: where it stands, what is left without it, and who should notice."""

    file: str
    old: str
    new: str
    tests: tuple[str, ...]  # arguments of pytest


MUTANTS = {
    "the engine's sync of a picture": Mutant(
        "core/staged.py",
        "os.fsync(file.fileno())",
        "pass",
        ("tests/faults/test_save_order.py",),
    ),
    "the sync of the folders": Mutant(
        "core/jobs/gallery.py",
        "sync_folder(here)",
        "pass",
        ("tests/faults/test_save_order.py",),
    ),
    "file first, row last": Mutant(
        "core/jobs/gallery.py",
        "os.replace(layout.staging / one.path, picture)",
        "_SYNCING.submit(os.replace, layout.staging / one.path, picture).cancel()",
        ("tests/core/jobs/test_gallery.py", "tests/faults/test_save_order.py"),
    ),
    "the generation guard": Mutant(
        "core/jobs/ending.py",
        '(job.status, job.boot, job.generation) != ("running", boot, finished.generation)',
        'job.status != "running"',
        ("tests/core/jobs/test_queue.py", "tests/core/jobs/test_queue_model.py"),
    ),
    "the Host check": Mutant(
        "server/gate.py",
        "self._check_host(headers)",
        "pass",
        ("tests/server/test_access.py",),
    ),
    "the Origin check": Mutant(
        "server/gate.py",
        "self._check_origin(scope, headers)",
        "pass",
        ("tests/server/test_access.py",),
    ),
    "the preview's slot": Mutant(
        "core/events/subscriber.py",
        "self._slots[shown.key] = shown",
        "self._slots[(*shown.key, str(id(shown)))] = shown",
        ("tests/core/events/test_bus.py",),
    ),
    "no frame after the end": Mutant(
        "core/events/bus.py",
        "if shown.job in self._ended:",
        "if False:",
        ("tests/core/events/test_bus.py",),
    ),
    "the shielded transaction": Mutant(
        "core/store/writer.py",
        "with anyio.CancelScope(shield=True):\n                await future",
        "with anyio.CancelScope():\n                await future",
        ("tests/core/store/test_database.py",),
    ),
    "the ends of a dead engine": Mutant(
        "core/jobs/ending.py",
        "elif crashes >= CRASHES:",
        "elif False:",
        ("tests/core/jobs/test_queue.py", "tests/core/jobs/test_queue_model.py"),
    ),
    "the idempotency key": Mutant(
        "core/jobs/admission.py",
        "if known is not None:",
        "if False:",
        ("tests/core/jobs/test_queue.py",),
    ),
    "the sync of a checkpoint's folder": Mutant(
        "core/engine/train/keep/folders.py",
        "sync(made)",
        "pass",
        ("tests/engine/train/keep/test_state.py", "-k", "synced"),
    ),
    "the hashes of a checkpoint": Mutant(
        "core/engine/train/keep/manifest.py",
        "if found != entry.sha256:",
        "if False:",
        ("tests/engine/train/keep/test_state.py", "-k", "flipped"),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_without_its_safeguard_a_test_turns_red(tmp_path: Path, name: str) -> None:
    mutant = MUTANTS[name]
    for part in COPIED:
        source, target = ROOT / part, tmp_path / part
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "cache"))
        else:
            shutil.copy(source, target)
    file = tmp_path / mutant.file
    text = file.read_text("utf-8")
    assert text.count(mutant.old) == 1, f"{mutant.file} has changed: look for its safeguard anew"
    file.write_text(text.replace(mutant.old, mutant.new), "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", *mutant.tests],
        cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 1, done.stdout[-3000:]
    assert "assert" in done.stdout or "Error" in done.stdout
