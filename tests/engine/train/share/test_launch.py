"""Runs that several processes share: the same as of one, and not lost with one of them."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.train.keep import beginning, state
from core.engine.train.keep.keeping import CHECKPOINTS
from core.engine.train.share.launch import Launch, run
from core.errors import JobError
from core.graph.catalogue import Resource
from core.ipc.commands import RunTraining
from core.ipc.reports import AnyReport, TrainingLosses, TrainingSaved
from core.records.recipe import Recipe
from tests.engine.train.taught import pictures, subject

pytestmark = [pytest.mark.slow, pytest.mark.timeout(280)]


def command(folder: Path, base: Path, **fields: Any) -> RunTraining:
    """A run of four steps over three pictures, kept after each step."""
    given: dict[str, Any] = {
        "method": "full", "max_steps": 4, "resolution": 64, "bucket_step": 64, "prior": "off",
        "precision": "float32", "train_text_encoder": False, "lr_unet": 1e-4, "batch": 1,
        "checkpoint_every": 1, "snapshot_every": 0, "caption_dropout": 0.0, "optimizer": "adamw",
        "schedule": "constant", "warmup": 0.0, "ema": 0.0, "snr_gamma": 5.0, "timesteps": "uniform",
        "grad_checkpoint": False, "te_stop_fraction": 1.0, "validate_every": 0, "keep_last": 4,
        "eps": 1e-3,  # with less, Adam makes whole steps of the rounding of gradients near zero
    }  # fmt: skip
    seen = folder.parent / "pictures"
    if not seen.exists():
        seen.mkdir()
    for made in (folder, folder.parent / "cache", folder.parent / "making"):
        made.mkdir(parents=True, exist_ok=True)
    return RunTraining(
        job="j", training=folder.name, name="toy", recipe=Recipe(**given | fields),
        subjects=[subject(pictures(seen, (64, 64), (64, 64), (64, 64)))], base="b",
        resources={"b": Resource(id="b", kind="checkpoint", path=str(base), identity="tiny",
                                 family="sd1", name="tiny", format="diffusers")},
        folder=str(folder), cache=str(folder.parent / "cache"),
        making=str(folder.parent / "making"),
    )  # fmt: skip


class Run:
    """A launched run and what was heard of it."""

    def __init__(self, command: RunTraining, count: int) -> None:
        self.command = command
        self.launch = Launch(command=command, count=count, threads=1)
        self.losses: dict[int, float] = {}
        self.saved: list[int] = []
        self.starts: list[list[int]] = []
        self.killing = 0  # step after whose loss the last process is killed

    def told(self, report: AnyReport) -> None:
        if isinstance(report, TrainingSaved):
            self.saved.append(report.step)
        if isinstance(report, TrainingLosses):
            for point in report.points:
                self.losses[point.step] = point.loss
                if point.step == self.killing:
                    self.killing = 0
                    os.kill(self.starts[-1][-1], signal.SIGKILL)

    def go(self) -> int:
        newest = beginning.newest_step
        return run(self.launch, self.told, lambda: newest(self.command), self.starts.append)

    def weights(self) -> dict[str, torch.Tensor]:
        path = state.newest(Path(self.command.folder) / CHECKPOINTS)
        assert path is not None
        return state.read(path).trainable


@pytest.fixture(scope="module")
def alone(sd1: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same global batch in one process."""
    made = Run(command(tmp_path_factory.mktemp("alone") / "run", sd1, batch=2), 1)
    assert made.go() == 4
    return made


def assert_close(one: Run, other: Run) -> None:
    assert one.losses.keys() == other.losses.keys() == {1, 2, 3, 4}
    for step, loss in one.losses.items():
        assert loss == pytest.approx(other.losses[step], abs=1e-6)
    theirs = other.weights()
    for name, tensor in one.weights().items():
        assert torch.allclose(tensor, theirs[name], rtol=0, atol=1e-6), name


def test_two_processes_are_one_with_the_same_global_batch(
    alone: Run, sd1: Path, tmp_path: Path
) -> None:
    both = Run(command(tmp_path / "run", sd1), 2)
    assert both.go() == 4
    assert [len(pids) for pids in both.starts] == [2]
    assert_close(both, alone)


def test_a_run_whose_process_is_killed_goes_on_from_its_newest_checkpoint(
    alone: Run, sd1: Path, tmp_path: Path
) -> None:
    hurt = Run(command(tmp_path / "run", sd1), 2)
    hurt.killing = 2
    assert hurt.go() == 4
    assert len(hurt.starts) == 2
    assert_close(hurt, alone)


def test_what_a_run_fails_with_is_what_is_raised(sd1: Path, tmp_path: Path) -> None:
    made = command(tmp_path / "run", sd1)
    nobody = structs.replace(made.subjects[0], pictures=[])
    with pytest.raises(JobError) as caught:
        Run(structs.replace(made, subjects=[nobody]), 2).go()
    assert caught.value.name == "dataset_empty"


def test_class_pictures_are_not_drawn_here(sd1: Path, tmp_path: Path) -> None:
    made = command(tmp_path / "run", sd1, prior="images", num_class_images=2)
    with pytest.raises(JobError) as caught:
        Run(made, 1).go()
    assert caught.value.name == "class_pictures_missing"


def test_processes_that_cannot_live_are_given_up(sd1: Path, tmp_path: Path) -> None:
    made = Run(command(tmp_path / "run", sd1), 2)

    def killed(pids: list[int]) -> None:
        made.starts.append(pids)
        os.kill(pids[0], signal.SIGKILL)

    with pytest.raises(JobError) as caught:
        run(made.launch, made.told, lambda: 0, killed)
    assert caught.value.name == "processes_lost"
    assert len(made.starts) == 3
