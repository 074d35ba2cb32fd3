"""A training, by the fake engine and the real one: the same steps, states and samples are told."""

from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from core.engine.train.keep import folders
from core.ipc.commands import RunTraining, Steer, Steering
from core.ipc.reports import (
    JobDone,
    TrainingBegan,
    TrainingLosses,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
)
from core.jobs.executor import Changed, Stamped
from core.paths import Layout
from core.training.seeds import of_sample
from tests.contract.test_executor_contract import KINDS, Listener, engine
from tests.engine.tiny import write_model
from tests.engine.train.running import command

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(400)]
PATIENCE = 120  # seconds: much is imported before a first step
PROMPTS = [
    ("subject", "a photo of sks toy"),
    ("context", "sks toy on a beach at sunset"),
    ("drift", "a photo of a toy"),
]


def asked(tmp_path: Path, layout: Layout, job: str, **fields: Any) -> RunTraining:
    write_model(tmp_path / "model")
    return command(tmp_path / "model", tmp_path / "run", job, making=str(layout.making), **fields)


def told(heard: Listener) -> tuple[list[Any], list[Any]]:
    """Give what was told in order, and apart from it what was kept, which is written beside it."""
    events: list[Any] = []
    kept: list[Any] = []
    for item in heard.heard:
        match item.report if isinstance(item, Stamped) else None:
            case TrainingBegan(step=step, steps=steps):
                events.append(("began", step, steps))
            case TrainingLosses(points=points):
                events += [("step", point.step) for point in points]
            case TrainingSampled(step=step, role=role, prompt=prompt, seed=seed):
                events.append(("sample", step, role, prompt, seed))
            case TrainingPauses(step=step, paused=paused):
                events.append(("pause", step, paused))
            case TrainingSaved(kind=kind, step=step, name=name, removed=removed):
                assert folders.step_of(name) == step
                kept.append((kind, step, removed))
            case JobDone(result=result, made=made):
                events.append(("done", result, len(made)))
    return events, kept


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_steps_samples_and_states_are_told(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    run = asked(
        tmp_path, layout, "T", max_steps=5, sample_every=2, checkpoint_every=2, snapshot_every=3,
        keep_last=1,
    )  # fmt: skip
    async with engine(kind, layout) as heard:
        heard.patience = PATIENCE
        await heard.until(Changed, state="ready")
        heard.executor.send(run)
        await heard.until(JobDone, job="T")
        events, kept = told(heard)

    def sampled(step: int) -> list[Any]:
        return [
            ("sample", step, role, prompt, of_sample(7, number))
            for number, (role, prompt) in enumerate(PROMPTS)
        ]

    assert events == [
        ("began", 0, 5), ("step", 1), ("step", 2), *sampled(2), ("step", 3), ("step", 4),
        *sampled(4), ("step", 5), *sampled(5), ("done", {"step": 5}, 1),
    ]  # fmt: skip
    assert kept == [
        ("checkpoint", 2, []), ("snapshot", 3, []), ("checkpoint", 4, ["step-000002"]),
        ("snapshot", 5, []), ("checkpoint", 5, ["step-000004"]),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_is_told_of_one_that_is_paused_kept_stopped_and_gone_on_with(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    run = asked(tmp_path, layout, "T", max_steps=100_000)
    async with engine(kind, layout) as heard:
        heard.patience = PATIENCE
        await heard.until(Changed, state="ready")

        def steer(steering: Steering, *prompts: str, job: str = "T") -> None:
            heard.executor.send(Steer(job=job, steering=steering, prompts=list(prompts)))

        heard.executor.send(run)
        await heard.until(TrainingLosses, job="T")
        steer("pause")
        await heard.until(TrainingPauses, job="T", paused=True)
        steer("checkpoint")
        while (await heard.until(TrainingSaved, job="T")).kind != "snapshot":
            pass
        steer("sample", "sks toy in snow")
        await heard.until(TrainingSampled, job="T")
        steer("stop")
        await heard.until(JobDone, job="T")
        events, kept = told(heard)
        step = events[-1][1]["step"]
        first = next(place for place, one in enumerate(events) if one[0] == "pause")
        assert events[:first] == [
            ("began", 0, 100_000), *(("step", number) for number in range(1, step + 1)),
        ]  # fmt: skip
        assert events[first:] == [
            ("pause", step, True),
            ("sample", step, "asked", "sks toy in snow", of_sample(7, 0)),
            ("done", {"step": step, "stopped": True}, 0),
        ]
        assert kept == [("checkpoint", step, []), ("snapshot", step, [])]

        del heard.heard[:]
        heard.executor.send(structs.replace(run, job="U", paused=True))
        await heard.until(TrainingPauses, job="U", paused=True)
        steer("resume", job="U")
        await heard.until(TrainingBegan, job="U")
        steer("pause", job="U")
        await heard.until(TrainingPauses, job="U", paused=True)
        steer("stop", job="U")
        await heard.until(JobDone, job="U")
        events, kept = told(heard)
        assert events[:3] == [("pause", step, True), ("pause", step, False),
                              ("began", step, 100_000)]  # fmt: skip
        later = events[-1][1]["step"]
        assert [one for one in events if one[0] == "step"] == [
            ("step", number) for number in range(step + 1, later + 1)
        ]
        assert kept[-1][:2] == ("snapshot", later)
