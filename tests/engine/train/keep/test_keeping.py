"""What is kept of a run, when, how many, and what becomes of a run that cannot be kept."""

import dataclasses
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from core import failpoint
from core.engine.train.keep import capture, manifest, snapshots
from core.engine.train.keep import state as states
from core.engine.train.keep.state import State
from core.engine.train.learn import guard
from core.engine.train.learn.guard import Guard, NotFinite
from core.errors import DiskFull, JobError
from core.records.recipe import Recipe
from tests.engine.train.resumes import Run, Stop, alike, recipe
from tests.engine.train.runs import base_of
from tests.engine.train.states import KEY, names, same

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def base(sd1: Path) -> Any:
    return base_of(sd1)


@pytest.fixture(autouse=True)
def disarmed() -> Iterator[None]:
    yield
    failpoint.arm("")


class After(Callback):
    """Does something after a step."""

    def __init__(self, step: int, do: Any) -> None:
        self.step, self.do = step, do

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            self.do(trainer)


def kept(run: Run, kind: str = "checkpoint") -> list[int]:
    return [one.step for one in run.saved if one.kind == kind]


def test_states_are_kept_on_a_schedule_and_at_the_end_and_the_oldest_give_way(
    base: Any, tmp_path: Path
) -> None:
    run = Run(tmp_path, base, recipe(checkpoint_every=2, keep_last=2), 7).fit()
    assert kept(run) == [2, 4, 6, 7]
    assert run.names == ["step-000006", "step-000007"]
    told = [one for one in run.saved if one.kind == "checkpoint"]
    assert [one.removed for one in told] == [[], [], ["step-000002"], ["step-000004"]]
    last = told[-1]
    path = run.checkpoints / last.name
    assert last.size == manifest.read(path).size == sum(
        one.stat().st_size for one in path.iterdir() if one.name != manifest.NAME
    )  # fmt: skip
    assert run.warnings == []


def test_the_best_state_stays_and_is_found(base: Any, tmp_path: Path) -> None:
    losses = {1: 0.5, 2: 0.25, 3: 0.25, 4: 0.75, 5: None, 6: 0.6}
    keeping = {"metric": lambda trainer: losses[trainer.global_step]}
    wanted = recipe(checkpoint_every=1, keep_last=2)
    run = Run(tmp_path, base, wanted, 6, keeping=keeping).fit()
    assert run.names == ["step-000002", "step-000005", "step-000006"]
    assert [one.step for one in run.saved if one.best] == [1, 2]
    best = states.best(run.checkpoints)
    assert best is not None
    assert best.name == "step-000002"
    again = Run(tmp_path, base, wanted, 3, start="best", keeping=keeping).fit()
    assert kept(again) == [3]
    assert again.names == ["step-000002", "step-000003"]
    assert set(again.saved[-1].removed) == {"step-000005", "step-000006"}


def test_a_state_that_is_held_stays(base: Any, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/step-000001.hold").touch()
    run = Run(tmp_path, base, recipe(checkpoint_every=1, keep_last=1), 3).fit()
    assert run.names == ["step-000001", "step-000001.hold", "step-000003"]


def test_states_are_kept_by_the_clock_too(base: Any, tmp_path: Path) -> None:
    now = [0.0]
    run = Run(
        tmp_path, base, recipe(checkpoint_minutes=1.0), 6,
        keeping={"clock": lambda: now[0]},
        before=[After(step, lambda trainer: now.__setitem__(0, now[0] + 31)) for step in range(6)],
    ).fit()  # fmt: skip
    assert kept(run)[0] == 2
    assert kept(run)[-1] == 6
    assert run.last.extra["seconds"] == 155.0


def test_seconds_add_up_over_all_jobs_of_a_run(base: Any, tmp_path: Path) -> None:
    now = [0.0]
    keeping = {"clock": lambda: now[0]}
    later = [After(1, lambda trainer: now.__setitem__(0, 40.0))]
    Run(tmp_path, base, recipe(), 3, stop=1, before=later, keeping=keeping).fit()
    now[0] = 1000.0
    later = [After(3, lambda trainer: now.__setitem__(0, 1002.0))]
    run = Run(tmp_path, base, recipe(), 3, before=later, keeping=keeping).fit()
    assert run.last.extra["seconds"] == 42.0


def test_what_is_asked_for_from_another_thread_is_kept_after_the_step(
    base: Any, tmp_path: Path
) -> None:
    def ask(trainer: Trainer) -> None:
        thread = threading.Thread(target=run.kept.request)
        thread.start()
        thread.join()

    run = Run(tmp_path, base, recipe(), 4, before=[After(2, ask)])
    assert kept(run.fit()) == [2, 4]


def test_a_pause_saves_where_it_is_and_a_stop_does_not_save_that_again(
    base: Any, tmp_path: Path
) -> None:
    def pause(trainer: Trainer) -> None:
        run.kept.save()
        run.kept.wait()
        assert names(run.checkpoints) == {"step-000002"}

    run = Run(tmp_path, base, recipe(), 4, after=[After(2, pause), Stop(2)])
    assert kept(run.fit()) == [2]


def test_a_snapshot_is_usable_weights_of_the_mean_and_never_removed(
    base: Any, tmp_path: Path
) -> None:
    about = {"about": lambda: {"method": "full", "token": "sks"}}
    run = Run(tmp_path, base, recipe(snapshot_every=1, keep_last=1), 3, keeping=about).fit()
    assert kept(run, "snapshot") == [1, 2, 3]
    assert names(tmp_path / "snapshots") == {f"step-{step:06d}" for step in (1, 2, 3)}
    weights, said = snapshots.read(tmp_path / "snapshots/step-000003")
    assert said == {"method": "full", "token": "sks", "step": 3, "metric": None}
    mean = {name.removeprefix("unet."): one.half() for name, one in run.last.ema.items()}
    assert same({name: weights["unet"][name] for name in mean}, mean)
    live = run.trial.weights()["unet.conv_in.weight"]
    assert not torch.equal(weights["unet"]["conv_in.weight"], live.half())


def test_what_trains_on_is_not_seen_in_what_was_copied(base: Any, tmp_path: Path) -> None:
    copies: list[State] = []
    copy = After(1, lambda trainer: copies.append(capture.captured(trainer, {})))
    Run(tmp_path / "on", base, recipe(), 3, after=[copy]).fit()
    straight = Run(tmp_path / "short", base, recipe(), 3, stop=1).fit()
    assert alike(copies[0], straight.last)


@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_disk_that_refuses_one_state_is_told_and_tried_again(
    base: Any, tmp_path: Path, action: str
) -> None:
    failpoint.arm(f"train.rename={action}@2")
    run = Run(tmp_path, base, recipe(checkpoint_every=1), 3).fit()
    assert kept(run) == [1, 3]
    assert run.names == ["step-000001", "step-000003"]
    code = {"enospc": "disk_full", "eio": "checkpoint_unsaved"}[action]
    assert [(code, params["step"]) for code, params in run.warnings] == [(code, 2)]


@pytest.mark.parametrize("action", ["enospc", "eio"])
def test_a_disk_that_refuses_the_end_is_an_error_and_the_last_good_state_stays(
    base: Any, tmp_path: Path, action: str
) -> None:
    failpoint.arm(f"train.sync={action}@2-9")
    with pytest.raises(DiskFull if action == "enospc" else OSError):
        Run(tmp_path, base, recipe(checkpoint_every=1), 2).fit()
    failpoint.arm("")
    run = Run(tmp_path, base, recipe(checkpoint_every=1), 2)
    assert run.names == ["step-000001"]
    assert kept(run.fit()) == [2]


def test_what_cannot_be_removed_is_gone_by_name_and_swept_by_the_next_run(
    base: Any, tmp_path: Path
) -> None:
    wanted = recipe(checkpoint_every=1, keep_last=1)
    failpoint.arm("train.remove=eio@1")
    run = Run(tmp_path, base, wanted, 3).fit()
    told = [one.removed for one in run.saved if one.kind == "checkpoint"]
    assert told == [[], ["step-000001"], ["step-000002"]]
    assert len(run.names) == 2
    assert Run(tmp_path, base, wanted, 4).fit().names == ["step-000004"]


def test_a_disk_that_is_nearly_full_is_told(
    base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_CHECKPOINTS", 1 << 50)  # so many states fit nowhere
    run = Run(tmp_path, base, recipe(), 1).fit()
    ((code, params),) = run.warnings
    assert code == "disk_low"
    assert params["needed"] == next(one.size for one in run.saved if one.kind == "checkpoint")


def poison(trainer: Trainer) -> None:
    with torch.no_grad():
        next(trainer.lightning_module.trained.parameters()).fill_(float("nan"))


def test_what_is_poisoned_is_never_written(base: Any, tmp_path: Path) -> None:
    with pytest.raises(JobError, match="training_nan"):
        Run(tmp_path, base, recipe(checkpoint_every=1), 2, before=[After(2, poison)]).fit()
    assert names(tmp_path / "checkpoints") == {"step-000001"}


def guarded(folder: Path, base: Any, wanted: Recipe) -> tuple[list[Run], int]:
    """Train as ``guarded`` does; the first attempt loses its numbers after step 4."""
    runs: list[Run] = []
    warned: list[tuple[str, Any]] = []

    def attempt(rate: float, back: bool) -> int:
        spoil = [] if runs else [After(4, poison)]
        run = Run(
            folder, base, wanted, 6, after=spoil, keeping={"extra": lambda: guard.rated(rate)}
        )
        judge = Guard(lambda code, params: None)
        run.trial.setup = dataclasses.replace(run.trial.setup, rate=rate, judge=judge)
        runs.append(run)
        return run.fit().done

    def back() -> int:
        return states.read(path).step if (path := states.newest(folder / "checkpoints")) else 0

    return runs, guard.guarded(attempt, wanted, {}, back, lambda *told: warned.append(told))


def test_a_run_that_loses_its_numbers_stops_before_the_step_and_keeps_its_last_state(
    base: Any, tmp_path: Path
) -> None:
    with pytest.raises(NotFinite) as caught:
        guarded(tmp_path, base, recipe(checkpoint_every=2, on_nan="stop"))
    assert caught.value.params == {"step": 5}
    found = states.newest(tmp_path / "checkpoints", verify=True)
    assert found is not None
    assert found.name == "step-000004"


def test_a_run_that_loses_its_numbers_goes_back_at_half_the_rate(base: Any, tmp_path: Path) -> None:
    wanted = recipe(checkpoint_every=2, on_nan="rollback", schedule="constant", warmup=0.0)
    runs, done = guarded(tmp_path, base, wanted)
    assert done == 6
    first, second = runs
    assert [point.step for point in second.trial.points] == [5, 6]
    assert second.trial.points[0].lr == first.trial.points[0].lr / 2
    assert guard.rate_of(second.last.extra) == 0.5


def test_a_copy_is_made_under_the_baton_and_a_write_is_not(base: Any, tmp_path: Path) -> None:
    holds: list[bool] = [False]
    held: list[int] = []
    told: list[bool] = []

    @contextmanager
    def working() -> Iterator[None]:
        holds[0] = True
        held.append(1)
        yield
        holds[0] = False

    keeping = {"working": working, "idle": lambda: told.append(holds[0])}
    Run(tmp_path, base, recipe(checkpoint_every=1), 3, keeping=keeping).fit()
    assert len(held) == 3
    assert not any(told)
    assert manifest.read(tmp_path / "checkpoints/step-000003").step == 3
    manifest.trusted(tmp_path, manifest.read(tmp_path / "checkpoints/step-000003"), KEY)
