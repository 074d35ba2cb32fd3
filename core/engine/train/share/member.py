"""Member: one process of a run that several devices share.

Has parts of its own, prepares what all prepare from one cache, and takes the steps; the first
process keeps checkpoints, looks at held-out pictures, draws samples and tells. Class pictures were
drawn before.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import torch
from PIL import Image as Pillow
from pytorch_lightning import Callback, Trainer

from core.engine.models import load
from core.engine.models.families import MODEL, VAE, family_of
from core.engine.train.draw import asking
from core.engine.train.feed import preparation, prior
from core.engine.train.feed.draws import Counter
from core.engine.train.keep import beginning, fingerprint
from core.engine.train.keep.keeping import Keeping, Kept, Saved
from core.engine.train.learn import guard
from core.engine.train.learn.fit import Setup, fit
from core.engine.train.learn.validation import Validated
from core.engine.train.methods import Base, Trained, prepared
from core.engine.train.share import easel
from core.engine.train.share.launch import Launch
from core.engine.values import Handle
from core.errors import JobError, Params
from core.graph.catalogue import Resource
from core.ipc.commands import RunTraining
from core.ipc.reports import (
    AnyReport,
    TrainingBegan,
    TrainingLosses,
    TrainingSaved,
    TrainingWarned,
)
from core.records.recipe import Recipe
from core.records.training import LossPoint

Send = Callable[[AnyReport], None]
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


class _Ending(Callback):  # type: ignore[misc]  # it has no types
    """Ends the run after a step, in all processes after the same one, where one was asked to."""

    def __init__(self, asked: Event) -> None:
        self._asked = asked
        self._step = -1

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self._step:  # amid what is accumulated
            return
        self._step = trainer.global_step
        if trainer.strategy.reduce_boolean_decision(self._asked.is_set(), all=False):
            trainer.should_stop = True


def train(launch: Launch, rank: int, send: Send, ending: Event) -> int:
    """Take this process's share of every step; give the steps done.

    :param send: of the first process; others' is not called.
    :param ending: set when the run is to end after the step that it takes.
    :raises HeliographError: when it cannot be done.
    """
    command, recipe = launch.command, launch.command.recipe
    device = torch.device(launch.device, 0 if launch.device == "cpu" else rank)
    device = torch.device("cpu") if launch.device == "cpu" else device
    loaded, _ = beginning.begun(command, recipe)
    base = opened(command.resources[command.base], recipe, device)
    method = _made(base, command, device)
    if loaded is not None:
        beginning.fits(loaded, method.trainable.state_dict())
    voice = _Voice(command, send if rank == 0 else _unheard)
    voice.began(0 if loaded is None else loaded.step)
    packed = fingerprint.packed(beginning.print_of(command, recipe))
    examples = _examples(base, method, command)
    validated = Validated(examples, recipe, voice.losses)
    kept = Kept(
        Path(command.folder),
        recipe,
        beginning.secret_of(command),
        Keeping(
            told=voice.saved,
            warned=voice.warn,
            extra=lambda: {beginning.FINGERPRINT: packed},
            about=partial(asking.about, command, method.alone),
            metric=validated.metric,
        ),
        loaded,
    )
    with ExitStack() as stack:
        callbacks: list[Callback] = [_Ending(ending), validated, kept]
        if rank == 0 and launch.options is not None:  # the others wait for it at the next step
            own = easel.sampled(command, launch.options, base, method, launch.device, send)
            callbacks.append(stack.enter_context(own))
        return fit(
            Setup(
                recipe=recipe,
                steps=recipe.max_steps or 0,
                base=base,
                method=method,
                examples=examples,
                draws=Counter(recipe.seed),
                device=device,
                callbacks=callbacks,
                start=loaded,
                devices=launch.count,
                judge=guard.Guard(voice.warn, scaled=recipe.precision == "float16"),
                told=voice.losses,
            )
        )


def opened(source: Resource, recipe: Recipe, device: torch.device) -> Base:
    """Read all parts of a base for this process alone.

    :raises ModelUnreadable: when one cannot be read.
    """
    family = family_of(source.family or "", source.name)
    full = recipe.method == "full" or device.type == "cpu"
    dtype = torch.float32 if full else _DTYPES[recipe.precision or "float32"]

    def part(name: str) -> Any:
        handle = Handle(
            identity=source.identity, path=source.path, family=source.family or "", part=name,
            format=source.format or "diffusers", stamp=source.stamp,
        )  # fmt: skip
        if name != MODEL and not load.present(handle):
            return None
        narrow = recipe.quantize or "none"
        module = load.load(
            handle, torch.float32 if name == VAE else dtype, narrow, device.type == "cuda"
        )
        return module.to(device)

    denoiser = part(MODEL)
    encoders = {tower.part: part(tower.part) for tower in family.towers}
    return Base(
        family=family,
        name=source.family or "",
        denoiser=denoiser,
        encoders={name: module for name, module in encoders.items() if module is not None},
        vae=part(VAE),
        scheduler_config=dict(denoiser.scheduler_config),
    )


def _made(base: Base, command: RunTraining, device: torch.device) -> Trained:
    start = command.recipe.start_lora
    path = Path(command.resources[start].path) if start is not None else None
    method = prepared(base, command.recipe, command.subjects, path)
    method.to(device)
    return method


def _examples(base: Base, method: Trained, command: RunTraining) -> Any:
    source = command.resources[command.base]
    trained = {
        part: module for part, module in method.encoders.items()
        if module is not base.encoders.get(part)
    }  # fmt: skip
    kit = preparation.kit_of(
        base,
        Path(command.cache),
        source.identity,
        trained=trained,
        drawing=prior.Drawing(_undrawn, source.identity, command.defaults.sampler or "default"),
    )
    return preparation.prepared(command.recipe, command.subjects, kit)


def _undrawn(
    prompt: str, seeds: list[int], steps: int, guidance: float, width: int, height: int
) -> list[Pillow.Image]:
    raise JobError("class_pictures_missing", count=len(seeds), prompt=prompt[:100])


def _unheard(report: AnyReport) -> None:
    """Leave it to the first process to tell."""


class _Voice:
    """What a process tells of the run."""

    def __init__(self, command: RunTraining, send: Send) -> None:
        self._job, self._training = command.job, command.training
        self._steps = command.recipe.max_steps or 0
        self._send = send
        self._step = 0

    def began(self, step: int) -> None:
        self._step = step
        self._send(
            TrainingBegan(job=self._job, training=self._training, step=step, steps=self._steps)
        )

    def losses(self, point: LossPoint) -> None:
        self._step = point.step
        self._send(TrainingLosses(job=self._job, training=self._training, points=[point]))

    def warn(self, code: str, params: Params) -> None:
        self._send(
            TrainingWarned(
                job=self._job, training=self._training, step=self._step, code=code, params=params
            )
        )

    def saved(self, saved: Saved) -> None:
        self._send(
            TrainingSaved(
                job=self._job, training=self._training, name=saved.name, step=saved.step,
                kind=saved.kind, size=saved.size, metric=saved.metric, best=saved.best,
                removed=saved.removed,
            )
        )  # fmt: skip
