"""What is asked of a training reaches it at once, from the thread that reads commands."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.engine.inbox import Inbox
from core.engine.steering import Wishes
from core.ipc import frames
from core.ipc.commands import AnyCommand, Cancel, Ping, Steer, Stop
from tests.engine.train.running import command

Send = Callable[[AnyCommand], None]


@pytest.fixture
def box() -> tuple[Inbox, Send]:
    """An inbox, and what writes to it."""
    ours, theirs = os.pipe()
    # Both stay open: an inbox whose pipe closes ends the process.
    inbox = Inbox(os.fdopen(ours, "rb", buffering=0, closefd=False))
    writing = os.fdopen(theirs, "wb", buffering=0, closefd=False)
    inbox.start()
    return inbox, lambda message: frames.write(writing, message)  # type: ignore[arg-type]


@contextmanager
def running(box: tuple[Inbox, Send], tmp_path: Path) -> Iterator[Wishes]:
    inbox, send = box
    send(command(tmp_path, tmp_path))
    assert inbox.take(5) is not None
    yield inbox.wishes("T")


def steer(steering: str, *prompts: str, job: str = "T") -> Steer:
    return Steer(job=job, steering=steering, prompts=list(prompts))  # type: ignore[arg-type]


def test_a_wish_is_there_while_the_loop_takes_nothing(
    box: tuple[Inbox, Send], tmp_path: Path
) -> None:
    with running(box, tmp_path) as wishes:
        box[1](Ping(number=1))  # waits for the loop, which is busy
        box[1](steer("stop"))
        assert wishes.wait(5)
        assert wishes.stopping
        assert wishes.ending
        assert box[0].take(5) == Ping(number=1)
        assert box[0].take(0) is None


def test_a_wish_for_a_job_that_is_not_there_is_ignored(
    box: tuple[Inbox, Send], tmp_path: Path
) -> None:
    with running(box, tmp_path) as wishes:
        box[1](steer("stop", job="another"))
        box[1](steer("checkpoint"))
        assert wishes.wait(5)
        assert not wishes.stopping
        assert wishes.saving()
        assert not wishes.saving()


def test_that_the_engine_stops_is_told_to_the_run_and_to_the_loop(
    box: tuple[Inbox, Send], tmp_path: Path
) -> None:
    with running(box, tmp_path) as wishes:
        box[1](Stop(grace=3))
        assert wishes.wait(5)
        assert wishes.parking == "stopping"
        assert not wishes.canceled
        assert box[0].take(5) == Stop(grace=3)


def test_a_cancel_sets_the_flag_and_is_told_from_an_end_of_the_engine(
    box: tuple[Inbox, Send], tmp_path: Path
) -> None:
    with running(box, tmp_path) as wishes:
        box[1](Cancel(job="T"))
        assert box[0].flag("T").wait(5)
        assert wishes.canceled
        assert wishes.parking is None


def test_what_was_asked_of_a_run_that_ended_is_not_asked_of_the_next(
    box: tuple[Inbox, Send], tmp_path: Path
) -> None:
    with running(box, tmp_path) as wishes:
        box[1](steer("stop"))
        assert wishes.wait(5)
        box[0].forget("T")
    with running(box, tmp_path) as wishes:
        assert not wishes.ending


def test_the_newest_of_pause_and_resume_counts() -> None:
    wishes = Wishes()
    assert wishes.pausing() is None
    wishes.steer(steer("pause"))
    wishes.steer(steer("resume"))
    assert wishes.pausing() is False
    assert wishes.pausing() is None


def test_wishes_are_bounded_however_many_come() -> None:
    wishes = Wishes()
    for number in range(100):
        wishes.steer(steer("sample", *[f"{number}" * 2000] * 40))
    taken = wishes.samples()
    assert [prompts[0][:2] for prompts in taken] == ["96", "97", "98", "99"]
    assert {len(prompts) for prompts in taken} == {16}
    assert max(len(prompt) for prompts in taken for prompt in prompts) == 1000
    assert wishes.samples() == []


def test_the_first_reason_to_park_stays() -> None:
    wishes = Wishes()
    wishes.park("memory")
    wishes.park("stopping")
    assert wishes.parking == "memory"
