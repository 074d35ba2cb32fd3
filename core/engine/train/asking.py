"""Asking: the prompts, seeds and sizes of a run's samples, and what its weights are called by.

Pure functions of the command and the recipe.
"""

from collections.abc import Sequence
from typing import Any

from core.engine.models.families import family_of
from core.engine.train.callbacks.sampled import Asked
from core.engine.train.drawing import Wanted
from core.engine.train.draws import derived
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe
from core.records.training import Subject
from core.training import words

_SEEDS = 2**53  # seeds stay exact in a browser's numbers
_STEP = 8  # pixels: sides of pictures are multiples of it


def asked(command: RunTraining, prompts: Sequence[str] = ()) -> list[Asked]:
    """Say what is drawn at a sample, with the same seeds each time.

    :param prompts: what somebody asked for; without any it is what the recipe says, or else each
        subject plain and elsewhere, and its bare class.
    """
    subjects = [
        Subject(dataset="-", token=one.token, class_word=one.class_word) for one in command.subjects
    ]
    said = words.samples(subjects, prompts or command.recipe.sample_prompts)
    seed = command.recipe.seed
    return [
        Asked(Wanted(one.prompt, derived(seed, "sample", number) % _SEEDS), one.role)
        for number, one in enumerate(said)
    ]


def size(command: RunTraining, recipe: Recipe) -> tuple[int, int]:
    """Give width and height of samples, in pixels."""
    source, defaults = command.resources[command.base], command.defaults
    if recipe.resolution is None and defaults.width and defaults.height:
        return defaults.width, defaults.height
    side = recipe.resolution or family_of(source.family or "", source.name).size
    return side // _STEP * _STEP, side // _STEP * _STEP


def about(command: RunTraining) -> dict[str, Any]:
    """Say what usable weights belong to."""
    return {
        "training": command.training,
        "base": command.resources[command.base].identity,
        "tokens": [one.token for one in command.subjects],
        "class_words": [one.class_word for one in command.subjects],
    }
