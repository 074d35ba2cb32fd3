"""One training of the fake engine: losses without learning, and folders without weights.

Honest where it can be: it goes on from its newest checkpoint, is steered between two steps, keeps
as many checkpoints as the recipe says, and the loss of a step is a pure function of seed and step,
so a run that went on tells the same as one that never stopped. Faults are asked for in its name.
"""

import hashlib
import math
import re
import shutil
from collections import deque
from pathlib import Path

import anyio
from anyio import to_thread

from core import staged
from core.errors import HeliographError, ModelUnreadable, NodeFailed
from core.ipc.commands import RunTraining, Steer
from core.ipc.reports import (
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    SavedImage,
    TrainingBegan,
    TrainingLosses,
    TrainingParked,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
    TrainingWarned,
)
from core.jobs import fake_folder, fake_made, fake_picture
from core.jobs.fake_job import FakeScript, Host
from core.records.training import CheckpointKind, LossPoint, Subject
from core.training import words
from core.training.seeds import of_sample

_STEPS = 20  # where no plan says a number
_MAILBOX = 64
_WARNING = "loss_spike"  # what it tells where its name asks for a warning
_SIDE = 64  # pixels of a sample
_ASKED = re.compile(r"fake (crash|crash once|slow|fail|warn)$")
TrainingEnd = JobDone | JobFailed | JobCanceled | TrainingParked


class FakeTraining:
    """Play one run.

    :param crashed: jobs that crashed once already.
    """

    def __init__(
        self, command: RunTraining, script: FakeScript, canceled: anyio.Event, crashed: set[str],
        host: Host, staging: Path,
    ) -> None:  # fmt: skip
        self._command = command
        self._script = script
        self._canceled = canceled
        self._crashed = crashed
        self._host = host
        self._staging = staging
        self._folder = Path(command.folder)
        self._asked: deque[Steer] = deque(maxlen=_MAILBOX)
        self._bell = anyio.Event()
        self._paused = command.paused
        self._parking = self._stopping = False
        self._step = self._drawn = 0
        self._began = False
        self._kept: dict[CheckpointKind, int] = {}  # the newest step of each
        self._steps = command.recipe.max_steps or _STEPS
        found = _ASKED.search(command.name)
        self._fault = found[1] if found else ""

    def steer(self, asked: Steer) -> None:
        """Take what is asked; done between two steps."""
        self._asked.append(asked)
        self._bell.set()

    def park(self) -> None:
        """Save at the next step, and end to be gone on with."""
        self._parking = True
        self._bell.set()

    async def play(self) -> TrainingEnd:
        """Run to the end; give the last report."""
        job = self._command.job
        try:
            self._step = await to_thread.run_sync(self._start)
            if self._paused and (ended := await self._between()) is not None:
                return ended  # nothing was in memory that could be kept
            self._began = True
            await self._host.say(
                TrainingBegan(
                    job=job, training=self._command.training, step=self._step, steps=self._steps
                )
            )
            while self._step < self._steps:
                ended = await self._between()
                if ended is not None:
                    return ended
                await self._advance()
            await self._save("snapshot")
            await self._save("checkpoint")
            made = await to_thread.run_sync(fake_made.write, self._command)
            return JobDone(job=job, made=[made], result={"step": self._step})
        except HeliographError as error:
            return JobFailed(job=job, code=error.name, params=error.params)
        except OSError as error:
            code, params = ModelUnreadable.code, {"reason": error.strerror or ""}
            return JobFailed(job=job, code=code, params={**params})

    def sweep(self) -> None:
        """Remove what a run that did not end left elsewhere than in its folder."""
        for folder in (self._staging, Path(self._command.making)):
            for path in folder.glob(f"{self._command.job}*"):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def _start(self) -> int:
        """Find where to begin: a named checkpoint, another run's, the newest, or 0."""
        command, folder = self._command, self._folder / "checkpoints"
        folder.mkdir(parents=True, exist_ok=True)
        if command.fresh:
            return 0
        if command.start is not None:
            return fake_folder.step_of(folder / command.start)
        found = fake_folder.newest(folder)
        if found is not None:
            return found
        return 0 if command.branch is None else fake_folder.step_of(Path(command.branch))

    async def _between(self) -> TrainingEnd | None:
        """Obey what was asked, between two steps; wait while paused."""
        job, training = self._command.job, self._command.training
        told = False
        while True:
            if self._canceled.is_set():
                return JobCanceled(job=job)
            while self._asked:
                await self._obey(self._asked.popleft())
            if self._stopping:
                await self._save("snapshot")
                await self._save("checkpoint")
                return JobDone(job=job, result={"step": self._step, "stopped": True})
            if self._parking:
                await self._save("checkpoint")
                return TrainingParked(
                    job=job, training=training, step=self._step, reason="stopping"
                )
            if self._paused != told:
                told = self._paused
                if told:
                    await self._save("checkpoint")
                await self._host.say(
                    TrainingPauses(job=job, training=training, step=self._step, paused=told)
                )
            if not self._paused:
                return None
            await self._wait()

    async def _wait(self) -> None:
        """Wait for a word: a steering, a cancel, the engine's stop."""
        self._bell = anyio.Event()
        if self._asked or self._parking:
            return
        async with anyio.create_task_group() as group:

            async def canceled() -> None:
                await self._canceled.wait()
                self._bell.set()

            group.start_soon(canceled)
            await self._bell.wait()
            group.cancel_scope.cancel()

    async def _obey(self, asked: Steer) -> None:
        match asked.steering:
            case "pause" | "resume":
                self._paused = asked.steering == "pause"
            case "stop":
                self._stopping = True
            case "checkpoint":
                await self._save("snapshot")
                await self._save("checkpoint")
            case "sample":
                await self._sample(asked.prompts)

    async def _advance(self) -> None:
        recipe, job, training = self._command.recipe, self._command.job, self._command.training
        await anyio.sleep(self._script.slow_step if self._fault == "slow" else self._script.step)
        await self._misbehave()
        self._step += 1
        point = loss_of(recipe.seed, self._step)
        await self._host.say(TrainingLosses(job=job, training=training, points=[point]))
        await self._host.say(
            JobProgressed(job=job, node=None, phase="train", step=self._step, steps=self._steps)
        )
        last = recipe.sample_every and self._step == self._steps
        if last or _is_due(recipe.sample_every, self._step):
            await self._sample([])
        if _is_due(recipe.snapshot_every, self._step) and self._step < self._steps:
            await self._save("snapshot")
        if _is_due(recipe.checkpoint_every, self._step) and self._step < self._steps:
            await self._save("checkpoint")

    async def _misbehave(self) -> None:
        """Do before the second step what the name asks."""
        job = self._command.job
        if self._step != 1:
            return
        if self._fault == "fail":
            raise NodeFailed(type="train", error="asked to fail")
        if self._fault == "warn":
            training = self._command.training
            await self._host.say(TrainingWarned(job=job, training=training, step=1, code=_WARNING))
        if self._fault == "crash" or (self._fault == "crash once" and job not in self._crashed):
            self._crashed.add(job)
            self._host.lose(-11, "exit")
            await anyio.sleep_forever()

    async def _sample(self, prompts: list[str]) -> None:
        """Draw gradients for prompts: those asked for, else the recipe's, else of each subject."""
        command = self._command
        subjects = [
            Subject(dataset="-", token=one.token, class_word=one.class_word)
            for one in command.subjects
        ]
        asked = words.samples(subjects, prompts or command.recipe.sample_prompts)
        for number, (prompt, role) in enumerate(asked):
            image = await to_thread.run_sync(self._draw, prompt)
            await self._host.say(
                TrainingSampled(
                    job=command.job, training=command.training, step=self._step, image=image,
                    prompt=prompt, seed=of_sample(command.recipe.seed, number), role=role,
                )
            )  # fmt: skip

    def _draw(self, prompt: str) -> SavedImage:
        left, right = fake_picture.colours(prompt, self._command.recipe.seed, self._step)
        data = fake_picture.png(_SIDE, _SIDE, left, right, self._command.metadata)
        name = f"{self._command.job}-sample-{self._drawn}"
        self._drawn += 1
        staged.write(self._staging / f"{name}.png", data, sync=False)
        thumbnail = fake_picture.webp(_SIDE, _SIDE, left)
        staged.write(self._staging / f"{name}.webp", thumbnail, sync=False)
        return SavedImage(
            path=f"{name}.png", thumbnail=f"{name}.webp", node="", index=self._drawn - 1,
            size=len(data), sha256=hashlib.sha256(data).hexdigest(), width=_SIDE, height=_SIDE,
            kind="sample",
        )  # fmt: skip

    async def _save(self, kind: CheckpointKind) -> None:
        """Keep a checkpoint or a snapshot, once a step, and let the oldest checkpoints go."""
        if not self._began or self._kept.get(kind) == self._step:
            return
        self._kept[kind] = self._step
        name, size, removed = await to_thread.run_sync(
            fake_folder.write, self._folder, kind, self._step, self._command.recipe
        )
        await self._host.say(
            TrainingSaved(
                job=self._command.job, training=self._command.training, name=name, step=self._step,
                kind=kind, size=size, removed=removed,
            )
        )  # fmt: skip


def loss_of(seed: int, step: int) -> LossPoint:
    """Give the point of a step: falling, with a little noise that the seed and the step choose."""
    noise = hashlib.sha256(f"{seed} {step}".encode()).digest()[0] / 2560
    loss = 0.1 + math.exp(-step / 100) + noise
    return LossPoint(
        step=step, loss=loss, loss_instance=loss * 0.75, loss_prior=loss * 0.25, lr=1e-4,
        grad_norm=1.0 + noise, seconds=0.01, rates={"unet": 1e-4}, norms={"unet": 1.0 + noise},
        memory_bytes=1 << 20,
    )  # fmt: skip


def _is_due(every: int, step: int) -> bool:
    return every > 0 and step % every == 0
