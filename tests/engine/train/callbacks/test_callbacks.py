"""What happens between two steps, on callbacks alone: a trainer is not needed to see it."""

import copy
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from core.engine.baton import Baton, Cancelled
from core.engine.part import Part
from core.engine.steering import Wishes
from core.engine.train.callbacks.control import Control
from core.engine.train.callbacks.hold import PRIORITY, Hold
from core.engine.train.callbacks.stowing import Stowing
from core.engine.train.callbacks.told import Told
from core.engine.train.draw.drawing import Wanted, Way
from core.engine.train.draw.sampled import Asked, Sampled
from core.engine.train.lead.conduct import Conduct, Crowded
from core.engine.values import Model
from core.errors import Invalid
from core.ipc.commands import Steer
from core.ipc.reports import TrainingLosses, TrainingWarned
from core.records.training import LossPoint
from tests.engine.budget import BudgetDevice


def never() -> None:
    return None


def point(step: int) -> LossPoint:
    return LossPoint(step=step, loss=1.0, loss_instance=1.0, lr=0.1, seconds=0.0)


class Box:
    """Takes reports, as an outbox does."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.shown: list[Any] = []
        self.send = self.sent.append
        self.progress = self.shown.append


class Steered:
    """Notes what a run is asked for."""

    def __init__(self, meanwhile: Callable[[int], None] = lambda look: None) -> None:
        self.noted: list[Any] = []
        self.looks = 0
        self.full = False
        self.canceled = False
        self._meanwhile = meanwhile

    def check(self) -> None:
        if self.canceled:
            raise Cancelled("T")

    def moved(self) -> None:
        self.looks += 1
        self._meanwhile(self.looks)

    def save(self, snapshot: bool = False) -> None:
        self.noted.append("save and snapshot" if snapshot else "save")

    def sample(self, step: int, prompts: tuple[str, ...]) -> None:
        self.noted.append(("sample", step, prompts))

    def wanted(self) -> bool:
        return self.full

    def pauses(self, step: int, paused: bool) -> None:
        self.noted.append(("pauses", step, paused))


def ask(wishes: Wishes, steering: Any, *prompts: str) -> None:
    wishes.steer(Steer(job="T", steering=steering, prompts=list(prompts)))


def trainer(step: int = 0, last: int = 9) -> Any:
    return SimpleNamespace(global_step=step, max_steps=last, should_stop=False)


class Optimized:
    """A layer whose optimizer took a step, on a device of so many bytes."""

    def __init__(self, limit: int, accumulate: int = 1) -> None:
        self.layer = nn.Linear(64, 64)
        self.device = BudgetDevice(limit)
        self.optimizer = torch.optim.AdamW(self.layer.parameters(), lr=0.1)
        self.step()
        self.room: list[int] = []
        self.module = SimpleNamespace(position=2)
        carrier: Any = self.device.carrier
        self.stowing = Stowing(carrier, self.room.append, accumulate)
        self.stowing.part = Part(Model(identity="training:t", path="", family="sd1"))
        run: Any = SimpleNamespace(optimizers=[self.optimizer])
        self.stowing.on_train_start(run, self.module)  # type: ignore[arg-type]

    @property
    def size(self) -> int:
        """Count the larger tensors of the optimizer's state."""
        return 2 * 64 * 64 * 4

    def step(self) -> None:
        self.layer(torch.ones(1, 64)).square().sum().backward()
        self.optimizer.step()
        self.optimizer.zero_grad()


def test_a_batch_has_the_device_and_what_is_between_batches_has_not() -> None:
    baton, phases = Baton(), list[str]()
    hold = Hold(baton, "T", never)
    with hold.driving():
        phases.append(baton.phase())
        hold.on_train_start()
        for _ in range(2):
            phases.append(baton.phase())
            hold.on_train_batch_start()
            phases.append(baton.phase())
            hold.on_train_batch_end()
    phases.append(baton.phase())
    assert phases == ["train", "idle", "train", "idle", "train", "idle"]
    assert hold.count == 3


def test_whatever_ends_a_batch_gives_the_device_back() -> None:
    baton = Baton()
    hold = Hold(baton, "T", never)
    hold.on_train_batch_start()
    hold.on_exception(None, None, RuntimeError("no"))
    assert baton.phase() == "idle"


def test_a_canceled_job_gets_no_other_batch() -> None:
    def canceled() -> None:
        raise Cancelled("T")

    baton = Baton()
    with pytest.raises(Cancelled):
        Hold(baton, "T", canceled).on_train_batch_start()
    assert baton.phase() == "idle"


def test_a_batch_that_may_not_begin_lets_go_of_the_device_while_it_waits() -> None:
    baton, phases = Baton(), list[str]()
    answers = iter((False, False, True))
    hold = Hold(
        baton, "T", never, ready=lambda: next(answers), wait=lambda: phases.append(baton.phase())
    )
    hold.on_train_batch_start()
    assert phases == ["idle", "idle"]
    assert baton.phase() == "train"
    hold.on_train_batch_end()


def test_who_waits_for_a_picture_goes_first_and_a_run_is_not_starved() -> None:
    baton, order, held = Baton(0.32), list[int](), threading.Event()
    hold = Hold(baton, "T", never)
    hold.on_train_batch_start()

    def draw() -> None:
        for _ in range(4):
            with baton.hold("picture", "step"):
                order.append(0)
                held.wait(0.02)  # a picture's step takes its time

    def train() -> None:
        for _ in range(2):
            with hold.working():
                order.append(PRIORITY)

    threads = [threading.Thread(target=target) for target in (train, draw)]
    for thread in threads:
        thread.start()
    while not baton.wanted(0):
        held.wait(0.001)
    hold.on_train_batch_end()
    for thread in threads:
        thread.join()
    assert order[0] == 0
    assert order.index(PRIORITY) < 4  # it had its share before the pictures were done


def test_wishes_are_looked_at_after_steps_and_not_within_them() -> None:
    wishes = Wishes()
    run = Steered()
    control, at = Control(wishes, run), trainer(3)
    control.on_train_start(at)
    ask(wishes, "checkpoint")
    ask(wishes, "sample", "a fox")
    control.on_train_batch_end(at)  # a forward of a step that accumulates
    assert run.noted == []
    at.global_step = 4
    control.on_train_batch_end(at)
    assert run.noted == ["save and snapshot", ("sample", 4, ("a fox",))]
    assert not at.should_stop
    ask(wishes, "stop")
    at.global_step = 5
    control.on_train_batch_end(at)
    assert at.should_stop
    assert control.end == "stopped"


def test_a_pause_saves_waits_and_does_what_is_asked_for_meanwhile() -> None:
    wishes = Wishes()

    def meanwhile(look: int) -> None:
        if look == 1:
            ask(wishes, "sample")
        if look == 3:
            ask(wishes, "resume")

    run = Steered(meanwhile)
    control, at = Control(wishes, run), trainer(1)
    ask(wishes, "pause")
    control.on_train_start(at)
    assert run.noted == ["save", ("pauses", 1, True), ("sample", 1, ()), ("pauses", 1, False)]
    assert run.looks >= 3
    assert not at.should_stop


def test_a_pause_ends_with_a_stop_a_cancel_and_a_want_of_memory() -> None:
    for steering, end in (("stop", "stopped"), ("", "memory")):
        wishes = Wishes()
        run = Steered(lambda look, s=steering, w=wishes: ask(w, s) if s else None)  # type: ignore[misc]
        run.full = not steering
        control, at = Control(wishes, run), trainer(1)
        ask(wishes, "pause")
        control.on_train_start(at)
        assert control.end == end
        assert at.should_stop
        assert ("pauses", 1, False) not in run.noted
    wishes = Wishes()
    run = Steered(lambda look: setattr(run, "canceled", True))
    ask(wishes, "pause")
    with pytest.raises(Cancelled):
        Control(wishes, run).on_train_start(trainer(1))


def test_a_run_that_waits_too_long_lets_go_of_its_memory() -> None:
    wishes = Wishes()
    control, at = Control(wishes, Steered(), patience=0.0), trainer(1)
    ask(wishes, "pause")
    control.on_train_start(at)
    assert control.end == "memory"


def test_every_step_is_told_once_and_reports_are_few() -> None:
    box: Any = Box()
    told = Told(box, "T", "t", 1000, lambda step: None)
    for step in range(1, 1001):
        told.take(point(step))
    told.flush()
    told.flush()
    reports = [one for one in box.sent if isinstance(one, TrainingLosses)]
    assert [one.step for report in reports for one in report.points] == list(range(1, 1001))
    assert len(reports) < 20
    assert max(len(report.points) for report in reports) <= 256
    assert [one.step for one in box.shown] == list(range(1, 1001))


def test_a_long_run_tells_less_often_and_every_step_all_the_same() -> None:
    box: Any = Box()
    now = 0.0
    told = Told(box, "T", "t", 100_000, lambda step: None, lambda: now)
    sent = []
    for step in range(1, 100_001):
        now += 0.1  # a tenth of a second each: not three hours
        told.take(point(step))
        sent.append(len(box.sent))
    told.flush()
    steps = [one.step for report in box.sent for one in report.points]
    assert steps == list(range(1, 100_001))
    assert len(box.sent) < 8_000  # of 50,000
    assert sent[599] > 150  # of the first minute
    assert max(len(report.points) for report in box.sent) <= 256


class Broken:
    def __init__(self, error: Exception) -> None:
        self._error = error

    def draw(self, wanted: Sequence[Wanted], way: Way) -> Any:
        torch.rand(3)
        raise self._error

    def opened(self, saved: Any) -> Any:
        raise AssertionError


def sampled(error: Exception, box: Box) -> Sampled:
    asked = [Asked(Wanted("a fox", 1), "subject")]
    return Sampled(
        Broken(error), Way(32, 32), asked, 2, torch.device("cpu"), box.send, never, ("T", "t")
    )


@pytest.mark.parametrize("error", [Invalid("bad_size"), RuntimeError("no"), OSError("full")])
def test_a_sample_that_fails_is_told_and_changes_no_random_number(error: Exception) -> None:
    box = Box()
    callback, at = sampled(error, box), trainer(0)
    callback.on_train_start(at)
    state = torch.random.get_rng_state()
    for at.global_step in (1, 2, 2, 3):
        callback.on_train_batch_end(at)
    assert torch.equal(torch.random.get_rng_state(), state)
    (warned,) = box.sent
    assert isinstance(warned, TrainingWarned)
    assert (warned.code, warned.step) == ("training_sample_failed", 2)


def test_a_device_that_is_lost_is_no_failed_sample() -> None:
    lost = torch.AcceleratorError("CUDA error: device-side assert triggered")
    with pytest.raises(torch.AcceleratorError):
        sampled(lost, Box()).draw(2, [])


def test_the_state_of_the_optimizer_leaves_the_device_and_comes_back_the_same() -> None:
    ours, theirs = Optimized(1 << 20), Optimized(1 << 20)
    theirs.layer.load_state_dict(ours.layer.state_dict())
    theirs.optimizer.load_state_dict(copy.deepcopy(ours.optimizer.state_dict()))
    assert ours.stowing.give() == ours.size
    assert ours.stowing.stowed
    assert ours.stowing.give() == 0
    assert ours.stowing.back()
    assert not ours.stowing.stowed
    assert ours.room == [ours.size]
    for one in (ours, theirs):
        one.step()
    assert torch.equal(ours.layer.weight, theirs.layer.weight)


def test_it_is_counted_with_the_weights_while_it_is_there() -> None:
    made = Optimized(1 << 20)
    part = made.stowing.part
    assert part is not None
    grads = sum(one.nbytes for one in made.layer.parameters())
    made.stowing.on_train_batch_end()
    assert part.bytes == made.size + grads
    made.stowing.give()
    assert part.bytes == 0
    made.stowing.back()
    assert part.bytes == made.size + grads
    made.stowing.on_train_end()
    assert part.bytes == 0


def test_nothing_is_given_in_the_middle_of_a_step() -> None:
    made = Optimized(1 << 20, accumulate=4)
    assert made.stowing.give() == 0
    made.module.position = 4
    assert made.stowing.give() == made.size


def test_it_stays_in_memory_as_long_as_the_device_has_no_room() -> None:
    made = Optimized(40_000)
    made.stowing.give()
    taken = made.device.free() - made.size + 1
    made.device.budget.take(taken)
    assert not made.stowing.back()
    assert made.stowing.stowed
    made.device.budget.give(taken)
    assert made.stowing.back()


def test_a_run_that_lacks_memory_is_told_once_and_parks_in_the_end() -> None:
    warned, saved = list[str](), list[bool]()
    wishes = Wishes()
    job: Any = SimpleNamespace(wishes=wishes)
    voice: Any = SimpleNamespace(
        warn=lambda code, params: warned.append(code), idle=never, told=None
    )
    conduct = Conduct(job, None, voice)  # type: ignore[arg-type]
    conduct.begin(lambda snapshot: saved.append(True), lambda step, asked: None, lambda: True)
    conduct.short()
    conduct.short()
    assert (warned, saved) == (["training_stowed"], [])
    conduct.enough()
    wishes.park("stopping")
    with pytest.raises(Crowded):
        conduct.short()
    assert saved == [True]
