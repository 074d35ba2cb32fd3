"""A run that several processes share, as a job of a real engine."""

from contextlib import suppress
from pathlib import Path

import pytest

from core.ipc.commands import Cancel
from core.ipc.reports import JobCanceled, JobDone, TrainingLosses, TrainingPauses
from tests.engine.tiny import Tiny
from tests.engine.train.running import command
from tests.engine.train.studio import studio

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
STEPS, LONG = 4, 40


def test_two_processes_take_the_steps_of_a_job_and_it_ends_as_every_run_does(
    tiny: Tiny, tmp_path: Path
) -> None:
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path / "one", "one", max_steps=STEPS, batch=2))
        engine.wait(JobDone, "one")
        engine.send(command(tiny.folder, tmp_path / "two", "two", max_steps=STEPS, parallel=2))
        done = engine.wait(JobDone, "two")
        alone, together = (engine.losses(name) for name in ("one", "two"))
    assert done.result == {"step": STEPS}
    assert len(done.made) == 1
    assert [step for step, *_ in together] == [1, 2, 3, 4]
    for (_, loss, _), (_, other, _) in zip(alone, together, strict=True):
        assert other == pytest.approx(loss, abs=1e-5)


def test_a_shared_run_is_paused_stopped_and_gone_on_with(tiny: Tiny, tmp_path: Path) -> None:
    asked = {"max_steps": LONG, "parallel": 2}
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path / "run", "first", **asked))
        engine.wait(TrainingLosses, "first")
        engine.steer("pause", job="first")
        assert engine.wait(TrainingPauses, "first").paused
        engine.steer("resume", job="first")
        while engine.wait(TrainingPauses, "first").paused:
            pass
        engine.steer("stop", job="first")
        stopped = engine.wait(JobDone, "first").result
        assert stopped is not None
        assert stopped["stopped"] is True
        step = stopped["step"]
        assert isinstance(step, int)
        assert 0 < step < LONG
        engine.send(command(tiny.folder, tmp_path / "run", "second", **asked))
        assert engine.wait(JobDone, "second").result == {"step": LONG}
        assert [at for at, *_ in engine.losses("second")] == list(range(step + 1, LONG + 1))


def test_a_shared_run_that_is_canceled_leaves_no_process(tiny: Tiny, tmp_path: Path) -> None:
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path / "run", "gone", max_steps=1000, parallel=2))
        engine.wait(TrainingLosses, "gone")
        engine.send(Cancel(job="gone"))
        engine.wait(JobCanceled, "gone")
    assert not [line for line in living() if "core.engine.train" in line]


def living() -> list[str]:
    """List the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            found.append(path.read_bytes().decode(errors="replace"))
    return found
