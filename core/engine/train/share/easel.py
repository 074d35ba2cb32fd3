"""Easel: what a process of a shared run draws its samples with, an engine of its own.

It has no mailbox, tells nothing but samples, and reads no weights: every part is the run's.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.engine.baton import Baton
from core.engine.context import Engine, Job
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.models.families import MODEL, VAE
from core.engine.outbox import Outbox
from core.engine.registry import built_in
from core.engine.residency import Residency
from core.engine.train.draw import asking
from core.engine.train.draw.drawing import Drawing, Way
from core.engine.train.draw.sampled import Sampled
from core.engine.train.methods import Base, Trained
from core.ipc.commands import EngineOptions, RunTraining
from core.ipc.reports import AnyReport


@contextmanager
def sampled(
    command: RunTraining,
    options: EngineOptions,
    base: Base,
    method: Trained,
    kind: str,
    send: Callable[[AnyReport], None],
) -> Iterator[Sampled]:
    """Give what draws the samples of a run between its steps, until the block ends.

    :param options: of the engine that the run is a job of: where pictures are left.
    :param kind: of the device, of which this process has the first.
    """
    with open(os.devnull, "wb", buffering=0) as nowhere:
        outbox = Outbox(nowhere)
        outbox.start()
        device, baton = Device(kind, options.dtype), Baton()
        engine = Engine(options, device, baton, Residency(device, baton, LazyLoader()), outbox)
        live = {MODEL: method.denoiser, **method.encoders}
        if base.vae is not None:
            live[VAE] = base.vae
        drawing = Drawing(
            engine, built_in(), Job(command.job), command.resources[command.base],
            f"training:{command.training}", live, command.defaults,
        )  # fmt: skip
        with drawing.hosted():
            yield Sampled(
                drawing, Way(*asking.size(command, command.recipe), exact=False),
                asking.asked(command), command.recipe.sample_every, device.torch, send,
                lambda: None, (command.job, command.training),
            )  # fmt: skip
