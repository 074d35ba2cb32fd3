"""Finishing: what was learned becomes models on the disk, and is drawn with before it is read.

Knows when and of what; how models are written is ``publish``'s knowledge.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from core.engine.context import Engine
from core.engine.models.families import MODEL
from core.engine.train.callbacks.hold import Hold
from core.engine.train.draw import asking
from core.engine.train.export import publish
from core.engine.train.keep import beginning
from core.engine.train.methods import Trained
from core.engine.train.tell.voice import Voice
from core.engine.values import Model, TextEncoder
from core.ipc.commands import RunTraining
from core.library import made as origin
from core.records.recipe import Recipe
from core.records.task import MadeModel

_MIB = 1 << 20
PUBLISHED = torch.float16  # the number format of what is published


def settle(method: Trained, mean: Mapping[str, torch.Tensor]) -> None:
    """Let what was trained be what is published: its running mean, if one was kept, rounded."""
    with torch.no_grad():
        for name, one in method.trainable.named_parameters():
            one.copy_(mean.get(name, one).to(PUBLISHED))


def publish_all(
    command: RunTraining, recipe: Recipe, method: Trained, step: int, hold: Hold, voice: Voice
) -> list[MadeModel]:
    """Write the models of a run where models are made.

    :raises Cancelled: when the job is canceled; then nothing is left.
    :raises NoRoom: when the disk has no room for them.
    """
    with hold.working("publish"):
        weights = method.weights(PUBLISHED)
    told = publish.about(
        command, step, dataset=beginning.print_of(command, recipe).dataset,
        resolution=max(asking.size(command, recipe)),
    )  # fmt: skip
    total = sum(one.nbytes for file in weights.values() for one in file.values()) // _MIB
    written = 0

    def tick(count: int) -> None:
        nonlocal written
        written += count
        voice.prepares("publish", min(written // _MIB, total), total)

    return publish.published(weights, told, Path(command.making), tick)


def adopt(
    engine: Engine, command: RunTraining, recipe: Recipe, method: Trained, made: Sequence[MadeModel]
) -> None:
    """Let the networks of a run be parts of the model that was published, without being read.

    Of a checkpoint alone: a LoRA is merged into the base anew, which is quick and as it will be
    whenever it is used. Only under the baton, and after nobody trains them any more.
    """
    folder = next((one for one in made if len(one.files) > 1), None)
    if folder is None or recipe.method != "full" or recipe.ztsnr or engine.options.speed != "plain":
        return
    identity = origin.digest(folder.files)
    networks: dict[str, nn.Module] = {MODEL: method.denoiser, **method.encoders}
    for part, module in networks.items():
        if part not in method.trainable or "_lent_by" in module.__dict__:
            continue
        kind = Model if part == MODEL else TextEncoder
        handle = kind(
            identity=identity, path=str(Path(command.making, folder.path)),
            family=command.resources[command.base].family or "", part=part, format="diffusers",
        )  # fmt: skip
        with torch.inference_mode(False), torch.no_grad():
            nn.Module.to(module, engine.device.dtype)  # not diffusers', which warns of it
            engine.residency.hosting.adopt(handle, module)
