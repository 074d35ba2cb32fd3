"""A training as a job of a real engine: from its command to its last report."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from core.ipc.commands import Cancel
from core.ipc.reports import (
    JobCanceled,
    JobDone,
    JobFailed,
    TrainingBegan,
    TrainingParked,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
)
from tests.engine.tiny import Tiny
from tests.engine.train.running import base, command
from tests.engine.train.studio import Studio, studio

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]

Losses = list[tuple[int, float, float | None]]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with studio(tmp_path_factory.mktemp("engine")) as made:
        yield made


@pytest.fixture(scope="module")
def plain(engine: Studio, tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Losses:
    """What six steps lose when nothing else happens."""
    folder = tmp_path_factory.mktemp("plain")
    engine.send(command(tiny.folder, folder, "plain", max_steps=6))
    engine.wait(JobDone, "plain")
    losses = engine.losses("plain")
    assert len(losses) == 6
    return losses


def weights(folder: Path, step: int) -> dict[str, torch.Tensor]:
    return load_file(folder / "run/checkpoints" / f"step-{step:06d}" / "trainable.safetensors")


def checkpoints(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "run/checkpoints").glob("step-*"))


def digest(folder: Path) -> str:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def test_a_run_goes_from_its_command_to_its_end(engine: Studio, tiny: Tiny, tmp_path: Path) -> None:
    before = digest(tiny.folder)
    engine.send(command(tiny.folder, tmp_path, "whole", sample_every=2, checkpoint_every=2))
    done = engine.wait(JobDone, "whole")
    assert done.result is not None
    assert done.result["step"] == 4
    assert done.peak_bytes > 1 << 20
    assert done.images == []
    began = engine.told(TrainingBegan, "whole")
    assert [(one.step, one.steps) for one in began] == [(0, 4)]
    assert [step for step, *_ in engine.losses("whole")] == [1, 2, 3, 4]
    sampled = engine.told(TrainingSampled, "whole")
    assert [one.step for one in sampled] == [2] * 3 + [4] * 3
    assert [one.role for one in sampled[:3]] == ["subject", "context", "drift"]
    assert [one.seed for one in sampled[:3]] == [one.seed for one in sampled[3:]]
    assert all((engine.staging / one.image.path).is_file() for one in sampled)
    assert len({one.image.path for one in sampled}) == 6
    saved = [one.step for one in engine.told(TrainingSaved, "whole") if one.kind == "checkpoint"]
    assert saved == [2, 4]
    assert digest(tiny.folder) == before


def test_what_happens_beside_a_run_changes_no_loss_by_a_bit(
    engine: Studio, tiny: Tiny, tmp_path: Path, plain: Losses
) -> None:
    engine.send(command(tiny.folder, tmp_path, "busy", max_steps=6, sample_every=2))
    for number in range(3):
        engine.picture(base(tiny.folder), f"busy picture {number}", number)
    engine.steer("pause", job="busy")
    assert engine.wait(TrainingPauses, "busy").paused
    engine.steer("sample", "{subject} in the rain", job="busy")
    asked = engine.wait(TrainingSampled, "busy")
    while asked.role != "asked":
        asked = engine.wait(TrainingSampled, "busy")
    assert asked.prompt == "sks toy in the rain"
    engine.steer("checkpoint", job="busy")
    engine.steer("resume", job="busy")
    assert not engine.wait(TrainingPauses, "busy").paused
    engine.wait(JobDone, "busy")
    assert engine.losses("busy") == plain


def test_pictures_of_the_base_are_the_same_while_it_is_trained(
    engine: Studio, tiny: Tiny, tmp_path: Path
) -> None:
    source = base(tiny.folder)
    engine.picture(source, "alone")
    alone = engine.wait(JobDone, "alone").images[0].sha256
    engine.send(command(tiny.folder, tmp_path, "beside", max_steps=20, lr_unet=0.1))
    while not engine.losses("beside"):
        engine.wait(object, None)
    engine.picture(source, "meanwhile")
    meanwhile = engine.wait(JobDone, "meanwhile").images[0].sha256
    assert not engine.told(JobDone, "beside")
    engine.send(Cancel(job="beside"))
    engine.wait((JobCanceled, JobDone), "beside")
    assert meanwhile == alone


def test_a_cancel_ends_a_run_at_its_next_forward_and_writes_nothing_more(
    engine: Studio, tiny: Tiny, tmp_path: Path
) -> None:
    engine.send(command(tiny.folder, tmp_path, "gone", max_steps=500, checkpoint_every=1))
    while not engine.told(TrainingSaved, "gone"):
        engine.wait(object, None)
    engine.send(Cancel(job="gone"))
    engine.wait(JobCanceled, "gone")
    there = checkpoints(tmp_path)
    assert "step-000500" not in there
    engine.picture(base(tiny.folder), "after")
    engine.wait(JobDone, "after")
    assert checkpoints(tmp_path) == there
    assert engine.engine.residency.hosting is not None
    assert not any(part.hosted for part in engine.engine.residency._parts.values())


def test_a_stop_keeps_the_step_and_the_run_goes_on_as_if_never_stopped(
    engine: Studio, tiny: Tiny, tmp_path: Path, plain: Losses
) -> None:
    engine.send(command(tiny.folder, tmp_path, "stop", max_steps=6))
    engine.steer("stop", job="stop")
    done = engine.wait(JobDone, "stop")
    assert done.result is not None
    assert done.result["stopped"] is True
    step = done.result["step"]
    assert isinstance(step, int)
    assert 0 <= step < 6
    assert done.made == []
    assert checkpoints(tmp_path) == [f"step-{step:06d}"]
    engine.send(command(tiny.folder, tmp_path, "on", max_steps=6))
    engine.wait(JobDone, "on")
    assert engine.losses("stop") + engine.losses("on") == plain


def test_a_run_parks_while_the_engine_stops_and_goes_on_in_the_next(
    tiny: Tiny, tmp_path: Path
) -> None:
    with studio(tmp_path / "alone") as one:
        one.send(command(tiny.folder, tmp_path / "whole", max_steps=8, prior="images"))
        one.wait(JobDone)
        whole = one.losses()
    with studio(tmp_path / "first") as first:
        first.send(command(tiny.folder, tmp_path / "parked", max_steps=8, prior="images"))
        first.until(2)
        first.end(grace=60)
        parked = first.wait(TrainingParked)
    assert parked.reason == "stopping"
    assert 2 <= parked.step < 8
    assert checkpoints(tmp_path / "parked") == [f"step-{parked.step:06d}"]
    with studio(tmp_path / "second") as second:
        second.send(command(tiny.folder, tmp_path / "parked", max_steps=8, prior="images"))
        second.wait(JobDone)
    assert first.losses() + second.losses() == whole
    ours, theirs = weights(tmp_path / "whole", 8), weights(tmp_path / "parked", 8)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours | theirs)


def test_an_engine_that_does_not_wait_leaves_what_was_kept(tiny: Tiny, tmp_path: Path) -> None:
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path, max_steps=500, checkpoint_every=1))
        engine.wait(TrainingSaved)
        engine.end()
        parked = engine.wait(TrainingParked)
    assert checkpoints(tmp_path)[-1] == f"step-{parked.step:06d}"


def test_a_run_that_begins_paused_waits_with_nothing_in_memory(
    tiny: Tiny, tmp_path: Path, plain: Losses
) -> None:
    with studio(tmp_path / "engine") as engine:
        engine.send(command(tiny.folder, tmp_path, max_steps=6, paused=True))
        assert engine.wait(TrainingPauses).paused
        assert engine.engine.residency.figures() == (0, 0)
        engine.steer("resume")
        assert not engine.wait(TrainingPauses).paused
        engine.wait(JobDone)
        assert engine.losses() == plain


def test_what_cannot_be_read_fails_with_its_code(
    engine: Studio, tiny: Tiny, tmp_path: Path
) -> None:
    given = command(tiny.folder, tmp_path, "unread")
    Path(given.subjects[0].pictures[0].path).unlink()
    engine.send(given)
    failed = engine.wait(JobFailed, "unread")
    assert failed.code == "picture_gone"
