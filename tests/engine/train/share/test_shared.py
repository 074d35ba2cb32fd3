"""A run that several processes share, as a job of a real engine."""

from contextlib import suppress
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.ipc.commands import Cancel
from core.ipc.reports import (
    JobCanceled,
    JobDone,
    TrainingLosses,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
    TrainingWarned,
)
from tests.engine.tiny import Tiny
from tests.engine.train.running import command
from tests.engine.train.studio import Studio, studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
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


def test_the_first_process_draws_samples_and_looks_at_held_out_pictures(
    tiny: Tiny, tmp_path: Path
) -> None:
    fields = {"max_steps": STEPS, "checkpoint_every": 2, "validate_every": 2, "sample_every": 2,
              "held_out": 1}  # fmt: skip
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path / "one", "one", batch=2, **fields))
        engine.wait(JobDone, "one")
        shared = command(tiny.folder, tmp_path / "two", "two", parallel=2, **fields)
        engine.send(shared)
        engine.wait(JobDone, "two")
        alone, together = (engine.told(TrainingSampled, name) for name in ("one", "two"))
        assert [(one.step, one.prompt, one.seed) for one in together] == [
            (one.step, one.prompt, one.seed) for one in alone
        ]
        assert {one.step for one in together} == {2, 4}
        for one, other in zip(alone, together, strict=True):
            first, second = (opened(engine.staging / each.image.path) for each in (one, other))
            assert (first - second).abs().max() <= 2  # of 255; batches are summed in other orders
        assert not engine.told(TrainingWarned, "two")
        alone, together = (measured(engine, name) for name in ("one", "two"))
        assert together.keys() == {2, 4}
        assert together == pytest.approx(alone, rel=1e-4)
        best = [one for one in engine.told(TrainingSaved, "two") if one.best]
        assert best
        assert best[0].metric == together[best[0].step]


def opened(path: Path) -> torch.Tensor:
    with Image.open(path) as picture:
        return torch.frombuffer(
            bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8
        ).int()


def measured(engine: Studio, job: str) -> dict[int, float]:
    points = [point for told in engine.told(TrainingLosses, job) for point in told.points]
    return {one.step: one.validation for one in points if one.validation is not None}


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
