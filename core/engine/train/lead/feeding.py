"""Feeding: what the preparation of a run is given of the engine around it.

Knows parts, the device and how class pictures are drawn; nothing of pictures and prompts.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any

from core.engine.context import Engine
from core.engine.models.families import MODEL, VAE
from core.engine.train.draw.drawing import Drawing, Wanted, Way
from core.engine.train.feed import prior
from core.engine.train.feed.moments import Autoencoder
from core.engine.train.feed.preparation import Kit
from core.engine.train.feed.texts import Language
from core.engine.train.lead.opening import Opening
from core.engine.train.tell.voice import Voice
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe

Working = Callable[[str], AbstractContextManager[None]]


def kit(
    engine: Engine,
    command: RunTraining,
    recipe: Recipe,
    opening: Opening,
    trained: Mapping[str, Any],
    drawing: Drawing,
    working: Working,
    voice: Voice,
) -> Kit:
    """Make what ``preparation.prepared`` needs.

    :param trained: text encoders that are trained, or know learned tokens.
    :param drawing: with the base as it is.
    """
    return Kit(
        language=Language(opening.family, opening.config(MODEL), tuple(opening.encoders)),
        autoencoder=Autoencoder(
            f"{opening.handle(VAE).identity}/{engine.device.dtype}",
            opening.config(VAE),
            partial(opening.lent, VAE),
            working,
        ),
        open=opening.lent,
        working=working,
        cache=Path(command.cache),
        trained=trained,
        drawing=_class_drawing(engine, command, recipe, drawing),
        tell=voice.warn,
        moved=voice.prepares,
    )


def _class_drawing(
    engine: Engine, command: RunTraining, recipe: Recipe, drawing: Drawing
) -> prior.Drawing:
    """Draw class pictures: alone, where pictures are to be the same to the bit."""
    exact = engine.device.is_cpu or recipe.deterministic

    def draw(
        prompt: str, seeds: list[int], steps: int, guidance: float, width: int, height: int
    ) -> list[Any]:
        way = Way(width, height, steps, guidance, exact=exact)
        return list(drawing.pictures([Wanted(prompt, seed) for seed in seeds], way))

    base, sampler = command.resources[command.base], command.defaults.sampler or "default"
    return prior.Drawing(draw, base.identity, sampler)
