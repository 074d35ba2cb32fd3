"""What reaches the server: facts in order, the newest progress, nothing after the end."""

import os
import threading
import time
from collections.abc import Iterator
from typing import BinaryIO

import pytest
import torch

from core.engine.outbox import Outbox
from core.ipc import frames
from core.ipc.reports import (
    AnyReport,
    Degraded,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Previewed,
)


class Wire:
    """A real pipe with an outbox at one end."""

    def __init__(self, rate: float = 1000.0) -> None:
        read, write = os.pipe()
        self.reader: BinaryIO = os.fdopen(read, "rb", buffering=0)
        self.writer: BinaryIO = os.fdopen(write, "wb", buffering=0)
        self.outbox = Outbox(self.writer, rate=rate, size=32)

    def flush(self) -> list[AnyReport]:
        """Start the writer, let it write everything, and read what came."""
        self.outbox.start()
        got: list[AnyReport] = []

        def read() -> None:
            while (report := frames.read_report(self.reader)) is not None:
                got.append(report)

        thread = threading.Thread(target=read)
        thread.start()
        assert self.outbox.drain(10)
        self.outbox.close()
        self.outbox._thread.join(5)
        self.writer.close()
        thread.join(5)
        return got


@pytest.fixture
def wire() -> Iterator[Wire]:
    made = Wire()
    yield made
    made.reader.close()
    made.writer.close()


def progressed(job: str, step: int) -> JobProgressed:
    return JobProgressed(job=job, node="s", phase="step", step=step, steps=9)


def pixels(level: int = 0) -> torch.Tensor:
    return torch.full((40, 80, 3), level, dtype=torch.uint8)


def test_reports_that_matter_keep_their_order(wire: Wire) -> None:
    sent = [Degraded(job="j", rung=str(n)) for n in range(100)]
    for report in sent:
        wire.outbox.send(report)
    assert wire.flush() == sent


def test_of_progress_only_the_newest_is_sent(wire: Wire) -> None:
    wire.outbox.begin("j")
    wire.outbox.begin("k")
    for step in range(50):
        wire.outbox.progress(progressed("j", step))
    wire.outbox.progress(progressed("k", 3))
    assert wire.flush() == [progressed("j", 49), progressed("k", 3)]


def test_nothing_of_a_job_follows_its_last_report(wire: Wire) -> None:
    wire.outbox.begin("j")
    wire.outbox.watch(None)
    wire.outbox.progress(progressed("j", 1))
    wire.outbox.preview("j", "s", 1, 9, pixels())
    wire.outbox.send(JobCanceled(job="j"))
    wire.outbox.progress(progressed("j", 2))
    wire.outbox.preview("j", "s", 2, 9, pixels())
    assert wire.flush() == [JobCanceled(job="j")]


def test_a_preview_is_a_small_jpeg_and_the_newest_one(wire: Wire) -> None:
    wire.outbox.begin("j")
    wire.outbox.preview("j", "s", 1, 9, pixels())
    wire.outbox.preview("j", "s", 2, 9, pixels(200))
    (preview,) = wire.flush()
    assert isinstance(preview, Previewed)
    assert (preview.step, preview.width, preview.height) == (2, 32, 16)
    assert preview.data.startswith(b"\xff\xd8\xff")


def test_previews_are_wanted_only_of_watched_jobs_and_not_too_often() -> None:
    wire = Wire(rate=0.01)
    outbox = wire.outbox
    outbox.begin("j")
    assert not outbox.wants_preview("j")  # nobody watches
    outbox.watch(["j"])
    assert outbox.wants_preview("j")
    outbox.preview("j", "s", 1, 9, pixels())
    assert not outbox.wants_preview("j")  # one was just taken
    outbox.begin("k")
    assert not outbox.wants_preview("k")
    outbox.watch(None)
    assert outbox.wants_preview("k")
    wire.flush()
    wire.reader.close()


def test_previews_that_cost_much_come_less_often_and_watched_jobs_share(wire: Wire) -> None:
    """One of 30 ms takes a hundredth and a half of two seconds, of four where two are watched."""
    for job in ("a", "b"):
        wire.outbox.begin(job)
    wire.outbox.watch(["a"])
    wire.outbox.preview("a", "n", 1, 2, torch.zeros((8, 8, 3), dtype=torch.uint8), cost=0.03)
    wire.flush()
    before = time.monotonic()

    def waits(seconds: float) -> bool:
        wire.outbox._jobs["a"] = before - seconds
        return not wire.outbox.wants_preview("a")

    assert waits(1.9)
    assert not waits(3.9)
    wire.outbox.watch(None)
    assert waits(3.9)


def test_a_rate_of_nought_turns_previews_off() -> None:
    wire = Wire(rate=0)
    wire.outbox.begin("j")
    wire.outbox.watch(None)
    assert not wire.outbox.wants_preview("j")
    wire.flush()
    wire.reader.close()


def test_outputs_too_large_to_send_fail_the_job_and_not_the_engine(wire: Wire) -> None:
    wire.outbox.send(JobDone(job="j", outputs={"a.out": "x" * (frames.CONTROL_CAP + 1)}))
    assert wire.flush() == [JobFailed(job="j", code="output_too_large")]
