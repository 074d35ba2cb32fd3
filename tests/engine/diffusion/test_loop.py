"""Rows join, leave, fail and wait their turn without touching each other's pixels."""

import gc
import threading
import time
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from core.engine.baton import Cancelled
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.rows import Row, Stepped
from core.engine.diffusion.sampler import SamplingLoop
from core.errors import OutOfMemory
from tests.engine.tiny import floor

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
CLOSE = 1e-5  # of scale: what another batch may change in float32
PATIENCE = 15  # seconds


def alone(tiny: Any, loop: SamplingLoop, **spec: Any) -> torch.Tensor:
    return loop.sample([tiny.row(**spec)])[0]


def same(ours: torch.Tensor, expected: torch.Tensor) -> bool:
    return bool((ours - expected).abs().max() <= CLOSE * expected.abs().max())


class Caller:
    """A job's thread: samples rows, keeps what came of it."""

    def __init__(self, loop: SamplingLoop, *rows: Row) -> None:
        self.latents: list[torch.Tensor] = []
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(loop, rows), daemon=True)
        self._thread.start()

    def _run(self, loop: SamplingLoop, rows: tuple[Row, ...]) -> None:
        try:
            with torch.inference_mode():
                self.latents = loop.sample(rows)
        except (Cancelled, RuntimeError) as error:
            self.error = error

    def join(self) -> "Caller":
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self


class Widths:
    """Counts the halves of each forward, and may hold the first one until others have joined."""

    def __init__(self, network: nn.Module) -> None:
        self.seen: list[int] = []
        self._handle = network.register_forward_pre_hook(self._note)

    def _note(self, _: nn.Module, args: tuple[Any, ...]) -> None:
        self.seen.append(len(args[0]))

    def stop(self) -> None:
        self._handle.remove()


def at(step: int, action: Callable[[], None]) -> Callable[[Stepped], None]:
    def on_step(stepped: Stepped) -> None:
        if stepped.step == step:
            action()

    return on_step


def test_a_row_that_joins_midway_changes_nothing_and_is_not_changed(
    tiny: Any, loop: SamplingLoop
) -> None:
    first, second = {"seed": 1, "steps": 8}, {"seed": 2, "steps": 4, "sampler": "euler_a"}
    expected = alone(tiny, loop, **first), alone(tiny, loop, **second)
    later: list[Caller] = []
    join = at(3, lambda: later.append(joined(loop, tiny.row(**second))))
    widths = Widths(tiny.network)
    ours = loop.sample([tiny.row(**first, on_step=join)])[0]
    late = later[0].join().latents[0]
    widths.stop()
    assert widths.seen[:4] == [2, 2, 2, 4]  # what follows is as learned from times
    assert same(ours, expected[0])
    assert same(late, expected[1])


def test_no_more_rows_share_a_forward_than_the_setting_allows(tiny: Any) -> None:
    engine = floor()
    engine.max_rows = 2
    widths = Widths(tiny.network)
    SamplingLoop(engine).sample([tiny.row(seed=seed, steps=3) for seed in range(5)])
    widths.stop()
    assert max(widths.seen) == 2 * 2  # each row with its unconditional half


def joined(loop: SamplingLoop, row: Row) -> Caller:
    """Start a caller and wait until its row is in the loop."""
    before = loop.count()
    caller = Caller(loop, row)
    deadline = threading.Event()
    while loop.count() == before and not deadline.wait(0.001):
        pass
    return caller


def test_a_canceled_row_leaves_within_one_step_and_others_keep_their_pixels(
    tiny: Any, loop: SamplingLoop
) -> None:
    expected = alone(tiny, loop, seed=1, steps=8)
    flag = threading.Event()
    taken: list[int] = []

    def check() -> None:
        if flag.is_set():
            raise Cancelled("other")

    other = tiny.row(seed=2, steps=8, check=check, on_step=lambda stepped: taken.append(stepped[0]))
    mine = tiny.row(seed=1, steps=8, on_step=at(3, flag.set))
    canceled = joined(loop, other)
    ours = loop.sample([mine])[0]
    assert isinstance(canceled.join().error, Cancelled)
    assert same(ours, expected)
    assert len(taken) < 8
    assert loop.count() == 0


def test_rows_that_are_canceled_before_they_start_never_reach_the_network(
    tiny: Any, loop: SamplingLoop
) -> None:
    def check() -> None:
        raise Cancelled("gone")

    widths = Widths(tiny.network)
    with pytest.raises(Cancelled):
        loop.sample([tiny.row(check=check)])
    widths.stop()
    assert widths.seen == []


class Breaking:
    """A scheduler that fails at one step."""

    def __init__(self, scheduler: Any, at_step: int) -> None:
        self._scheduler = scheduler
        self._left = at_step

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scheduler, name)

    def step(self, *args: Any, **options: Any) -> Any:
        self._left -= 1
        if not self._left:
            raise RuntimeError("the scheduler broke")
        return self._scheduler.step(*args, **options)


def test_a_row_whose_scheduler_fails_leaves_alone(tiny: Any, loop: SamplingLoop) -> None:
    expected = alone(tiny, loop, seed=1, steps=6)
    broken = tiny.row(seed=2, steps=6)
    broken.scheduler = Breaking(broken.scheduler, 3)
    failing: list[Caller] = []
    mine = tiny.row(seed=1, steps=6, on_step=at(1, lambda: failing.append(joined(loop, broken))))
    ours = loop.sample([mine])[0]
    assert "the scheduler broke" in str(failing[0].join().error)
    assert same(ours, expected)


def test_a_forward_that_one_row_breaks_fails_that_row_only(tiny: Any, loop: SamplingLoop) -> None:
    expected = alone(tiny, loop, seed=1, steps=6)
    poison = tiny.row(seed=2, steps=6)
    poison.scaled = lambda: torch.zeros((1, 1, 1, 1))
    failing: list[Caller] = []
    mine = tiny.row(seed=1, steps=6, on_step=at(1, lambda: failing.append(joined(loop, poison))))
    ours = loop.sample([mine])[0]
    assert isinstance(failing[0].join().error, RuntimeError)
    assert same(ours, expected)


def test_when_one_row_of_a_call_fails_its_siblings_leave(tiny: Any, loop: SamplingLoop) -> None:
    broken = tiny.row(seed=2, steps=6)
    broken.scheduler = Breaking(broken.scheduler, 2)
    with pytest.raises(RuntimeError, match="the scheduler broke"):
        loop.sample([tiny.row(seed=1, steps=400), broken])
    assert loop.count() == 0


def test_exact_rows_never_share_a_forward_and_stay_bit_identical(
    tiny: Any, loop: SamplingLoop
) -> None:
    expected = alone(tiny, loop, seed=1)
    widths = Widths(tiny.network)
    ours, _ = loop.sample([tiny.row(seed=1, exact=True), tiny.row(seed=2, exact=True)])
    widths.stop()
    assert widths.seen == [2] * 10
    assert torch.equal(ours, expected)


def test_rows_of_different_shapes_take_turns(tiny: Any, loop: SamplingLoop) -> None:
    order: list[int] = []
    handle = tiny.network.register_forward_pre_hook(lambda _, args: order.append(args[0].shape[-1]))
    loop.sample([tiny.row(seed=1, steps=4, size=32), tiny.row(seed=2, steps=4, size=64)])
    handle.remove()
    assert order == [8, 16] * 4


def test_more_rows_than_one_forward_takes_all_come_through(tiny: Any, loop: SamplingLoop) -> None:
    expected = alone(tiny, loop, seed=11, steps=2)
    ours = loop.sample([tiny.row(seed=seed, steps=2) for seed in range(20)])
    assert len(ours) == 20
    assert same(ours[11], expected)


def test_a_forward_that_does_not_fit_is_tried_narrower(tiny: Any, loop: SamplingLoop) -> None:
    expected = [alone(tiny, loop, seed=seed) for seed in range(4)]

    def refuse(_: nn.Module, args: tuple[Any, ...]) -> None:
        if len(args[0]) > 4:
            raise torch.OutOfMemoryError("out of memory")

    handle = tiny.network.register_forward_pre_hook(refuse)
    ours = loop.sample([tiny.row(seed=seed) for seed in range(4)])
    handle.remove()
    assert all(same(a, b) for a, b in zip(ours, expected, strict=True))


def test_a_row_that_does_not_fit_alone_fails_and_says_what_was_lacking(
    tiny: Any, loop: SamplingLoop
) -> None:
    def refuse(_: nn.Module, args: tuple[Any, ...]) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    handle = tiny.network.register_forward_pre_hook(refuse)
    with pytest.raises(OutOfMemory) as caught:
        loop.sample([tiny.row(seed=seed) for seed in range(4)])
    handle.remove()
    needed, free = caught.value.params["needed"], caught.value.params["free"]
    assert needed == max(2 << 30, int(free or 0) + 1)  # room in pieces is none


def test_steps_are_told_in_the_steps_that_were_asked_for(tiny: Any, loop: SamplingLoop) -> None:
    told: list[tuple[int, int]] = []
    row = tiny.row(sampler="heun", steps=4, on_step=lambda s: told.append((s.step, s.steps)))
    loop.sample([row])
    assert told[-1] == (4, 4)
    assert [step for step, _ in told] == sorted(step for step, _ in told)


@pytest.mark.parametrize("sampler", ["euler", "euler_a", "ddim", "dpmpp_2m", "unipc", "heun"])
def test_the_last_estimate_is_the_picture(tiny: Any, loop: SamplingLoop, sampler: str) -> None:
    last: list[torch.Tensor] = []
    row = tiny.row(sampler=sampler, steps=6, on_step=lambda s: last.append(s.denoised()))
    latents = loop.sample([row])[0]
    assert (last[-1] - latents).abs().max() < 0.25 * latents.abs().max()
    assert last[0].shape == latents.shape


def test_the_baton_is_given_back_between_turns(tiny: Any) -> None:
    class Counting:
        held = 0
        turns = 0

        def hold(self, job: str, phase: str) -> "Counting":
            assert (job, phase) == ("job", "step")
            self.turns += 1
            return self

        def __enter__(self) -> None:
            self.held += 1

        def __exit__(self, *_: object) -> None:
            self.held -= 1

    engine = floor()
    engine.baton = Counting()
    SamplingLoop(engine).sample([tiny.row(steps=3, job="job")])
    assert (engine.baton.turns, engine.baton.held) == (3, 0)


def test_a_guided_row_without_a_negative_is_refused(tiny: Any) -> None:
    row = tiny.row()
    with pytest.raises(ValueError, match="negative"):
        Row(
            network=tiny.network, scheduler=row.scheduler, latents=row.latents,
            positive=row.followed.positive, guidance=Guidance(5.0),
        )  # fmt: skip


def test_an_idle_loop_keeps_no_row_and_no_network_alive(tiny: Any, loop: SamplingLoop) -> None:
    row = tiny.row(steps=2)
    loop.sample([row])
    gone = weakref.ref(row)
    del row
    deadline = time.monotonic() + PATIENCE
    while gone() is not None and time.monotonic() < deadline:
        gc.collect()
    assert gone() is None


def test_every_turn_is_counted_with_its_time_and_its_rows(tiny: Any, loop: SamplingLoop) -> None:
    loop.sample([tiny.row(steps=3), tiny.row(steps=3, seed=2)])
    turns = sum(loop.counts.counts)
    assert turns == sum(loop.seconds.counts) >= 3
    assert loop.counts.sum == 6, "each row took three steps"
    assert loop.seconds.sum > 0
