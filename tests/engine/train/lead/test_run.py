"""A training as a job of a real engine: from its command to its last report."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch
from msgspec import structs
from PIL import Image as Pillow
from safetensors.torch import load_file

from core.engine.baton import Baton
from core.engine.train.callbacks.hold import PRIORITY
from core.graph.catalogue import Resource
from core.ipc.commands import Cancel
from core.ipc.reports import (
    JobCanceled,
    JobDone,
    JobFailed,
    TrainingBegan,
    TrainingLosses,
    TrainingParked,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
    TrainingWarned,
)
from core.library import made as origin
from tests.engine.budget import BudgetDevice
from tests.engine.tiny import Tiny
from tests.engine.train.running import base, command
from tests.engine.train.studio import Studio, graph, studio

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


def test_a_published_checkpoint_is_drawn_with_before_it_is_read_and_alike_afterwards(
    engine: Studio, tiny: Tiny, tmp_path: Path
) -> None:
    given = {"method": "full", "train_text_encoder": True, "ema": 0.5, "lr_unet": 1e-2}
    engine.send(command(tiny.folder, tmp_path, "full", max_steps=2, **given))
    (made,) = engine.wait(JobDone, "full").made
    identity = origin.digest(made.files)
    assert identity in engine.engine.residency.identities()
    published = structs.replace(
        base(tmp_path / "making" / made.path), identity=identity, name=made.name
    )
    engine.picture(published, "first")
    first = engine.wait(JobDone, "first").images[0].sha256
    engine.engine.residency.unload(identity)
    assert identity not in engine.engine.residency.identities()
    engine.picture(published, "read")
    assert engine.wait(JobDone, "read").images[0].sha256 == first
    engine.picture(base(tiny.folder), "base")
    assert engine.wait(JobDone, "base").images[0].sha256 != first


def test_a_published_lora_draws_what_the_last_sample_showed(
    engine: Studio, tiny: Tiny, tmp_path: Path
) -> None:
    engine.send(
        command(tiny.folder, tmp_path, "lora", max_steps=3, lr_unet=0.1, sample_every=3,
                sample_prompts=["{subject}"])
    )  # fmt: skip
    (made,) = engine.wait(JobDone, "lora").made
    (sample,) = engine.told(TrainingSampled, "lora")
    lora = Resource(
        id="l", kind="lora", path=str(tmp_path / "making" / made.path), family="sd1", name="toys",
        identity=made.files[0].sha256, format="single",
    )  # fmt: skip
    asked = graph(base(tiny.folder), "with", sample.seed, steps=2, prompt=sample.prompt,
                  loras=[{"model": "l", "weight": 1.0}])  # fmt: skip
    engine.send(structs.replace(asked, resources=asked.resources | {"l": lora}))
    drawn = engine.wait(JobDone, "with").images[0]
    ours, theirs = (
        torch.from_numpy(numpy.asarray(Pillow.open(engine.staging / one.path)).astype(int))
        for one in (drawn, sample.image)
    )
    assert int((ours - theirs).abs().max()) <= 1
    engine.picture(base(tiny.folder), "without", sample.seed)
    plain = engine.wait(JobDone, "without").images[0]
    assert plain.sha256 not in (drawn.sha256, sample.image.sha256)


def test_a_picture_waits_for_no_two_forwards_of_a_run(
    engine: Studio, tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grants: list[int] = []  # priorities, in order
    waits: list[int] = []  # holds of the run while a picture waited, of each hold of a picture
    take = Baton._take

    def watched(self: Baton, ticket: Any, check: Any) -> None:
        before = len(grants)
        take(self, ticket, check)
        if ticket.priority == 0:
            waits.append(grants[before:].count(PRIORITY))
        grants.append(ticket.priority)

    monkeypatch.setattr(Baton, "_take", watched)
    engine.send(command(tiny.folder, tmp_path, "shared", max_steps=500))
    while not engine.told(TrainingLosses, "shared"):
        engine.wait(object, None)
    first = len(grants)
    asked = 0
    while grants[first:].count(PRIORITY) < 3:  # the run is not starved, however slow its forwards
        assert not engine.told(JobDone, "shared")
        done = [engine.told(JobDone, f"shared {number}") for number in range(asked)]
        while asked < 3 + sum(map(len, done)):  # pictures always wait
            assert asked < 40
            engine.send(graph(base(tiny.folder), f"shared {asked}", 10 + asked, steps=20))
            asked += 1
        engine.wait(object, None)
    engine.send(Cancel(job="shared"))
    engine.wait(JobCanceled, "shared")
    assert max(waits) <= 1


def test_memory_that_is_lacking_at_the_first_step_is_told_and_nothing_is_left(
    tiny: Tiny, tmp_path: Path
) -> None:
    device = BudgetDevice(1 << 40)
    with studio(tmp_path / "roomy", device) as engine:
        engine.send(command(tiny.folder, tmp_path / "roomy run", max_steps=1))
        engine.wait(JobDone)
    weights_of, highest = engine.engine.residency.figures()[0], device.budget.highest
    tight = BudgetDevice(weights_of + (highest - weights_of) // 20)
    with studio(tmp_path / "tight", tight) as engine:
        engine.send(command(tiny.folder, tmp_path / "run", max_steps=2, batch=2))
        failed = engine.wait(JobFailed)
        assert failed.code == "out_of_memory"
        needed, free = failed.params["needed"], failed.params["free"]
        assert isinstance(needed, int)
        assert isinstance(free, int)
        assert needed > 0
        assert free > 0
        assert "grad_checkpoint" in failed.degraded
        assert "narrow_batch" in failed.degraded
        assert checkpoints(tmp_path / "run") == []
        warned = [one.params["rung"] for one in engine.told(TrainingWarned)
                  if one.code == "training_degraded"]  # fmt: skip
        assert warned == ["narrow_batch"]
        tight.budget.limit = 1 << 40
        engine.send(command(tiny.folder, tmp_path / "run", "again", max_steps=2, batch=2))
        engine.wait(JobDone, "again")


def test_a_run_that_was_narrowed_for_want_of_memory_goes_on_as_it_became(
    tiny: Tiny, tmp_path: Path
) -> None:
    peaks = []
    for batch in (1, 4):
        device = BudgetDevice(1 << 40)
        with studio(tmp_path / f"roomy {batch}", device) as engine:
            engine.send(
                command(tiny.folder, tmp_path / f"run {batch}", max_steps=1, batch=batch,
                        grad_checkpoint=True)
            )  # fmt: skip
            engine.wait(JobDone)
        peaks.append(device.budget.highest)
    tight = BudgetDevice((3 * peaks[0] + peaks[1]) // 4)
    with studio(tmp_path / "tight", tight) as engine:
        engine.send(command(tiny.folder, tmp_path / "run", "first", max_steps=2, batch=4))
        assert "narrow_batch" in engine.wait(JobDone, "first").degraded
        tight.budget.limit = 1 << 40
        engine.send(command(tiny.folder, tmp_path / "run", "second", max_steps=3, batch=4))
        assert engine.wait(JobDone, "second").result == {"step": 3}
        assert [step for step, *_ in engine.losses("second")] == [3]


def test_activations_are_computed_twice_where_that_is_enough_and_no_loss_changes(
    tiny: Tiny, tmp_path: Path, plain: Losses
) -> None:
    peaks = []
    for checkpointed in (False, True):
        device = BudgetDevice(1 << 40)
        with studio(tmp_path / f"roomy {checkpointed}", device) as engine:
            engine.send(
                command(tiny.folder, tmp_path / f"run {checkpointed}", max_steps=1, batch=4,
                        grad_checkpoint=checkpointed)
            )  # fmt: skip
            engine.wait(JobDone)
        peaks.append(device.budget.highest)
    assert peaks[1] < peaks[0]
    tight = BudgetDevice(sum(peaks) // 2)
    with studio(tmp_path / "tight", tight) as engine:
        engine.send(command(tiny.folder, tmp_path / "run", max_steps=2, batch=4))
        done = engine.wait(JobDone)
        assert "grad_checkpoint" in done.degraded
        assert "narrow_batch" not in done.degraded
        assert not [one for one in engine.told(TrainingWarned) if one.code == "training_degraded"]


def test_small_matrices_are_trained_beside_a_base_of_fewer_bits(
    engine: Studio, tiny: Tiny, plain: Losses, tmp_path: Path
) -> None:
    run = command(tiny.folder, tmp_path / "all", "narrow", max_steps=6, quantize="fp8")
    engine.send(run)
    engine.wait(JobDone, "narrow")
    losses = engine.losses("narrow")
    assert [step for step, *_ in losses] == [1, 2, 3, 4, 5, 6]
    for (_, narrow, _), (_, wide, _) in zip(losses, plain, strict=True):
        assert narrow != wide
        assert narrow == pytest.approx(wide, rel=0.2)
    parts = engine.engine.residency._parts.values()
    (held,) = [one for one in parts if one.handle.narrow == "fp8"]
    kinds = {one.dtype for one in held.there.parameters()}
    assert torch.float8_e4m3fn in kinds
    engine.send(graph(base(tiny.folder), "after"))  # pictures have what they had
    engine.wait(JobDone, "after")
