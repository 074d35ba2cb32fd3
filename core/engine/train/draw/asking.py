"""Asking: the prompts, seeds and sizes of a run's samples, and what its weights are called by.

Pure functions of the command and the recipe.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.engine.models.families import family_of
from core.engine.train.draw.drawing import Wanted
from core.engine.train.draw.sampled import Asked
from core.engine.train.methods.tokens import token_of
from core.errors import Params
from core.ipc.commands import RunTraining
from core.records.recipe import Recipe
from core.records.training import Subject
from core.training import words
from core.training.frequent import COMMON
from core.training.seeds import of_sample

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
        Asked(Wanted(one.prompt, of_sample(seed, number)), one.role)
        for number, one in enumerate(said)
    ]


def doubts(
    command: RunTraining, encoders: Mapping[str, Any], alone: bool = True
) -> Iterator[tuple[str, Params]]:
    """Say which words the base knows already, or reads as many pieces, that are to be taught.

    What the plan warned of is not said again, and a word with vectors of its own is no such word.

    :param alone: whether what is published needs no LoRA beside it that was gone on from.
    """
    start = command.recipe.start_lora
    if start is not None and not alone:
        yield "start_lora_needed", {"model": command.resources[start].name or start}
    tokenizers = [one.__dict__.get("tokenizer") for one in encoders.values()]
    if command.recipe.method in ("embedding", "pivotal"):
        return
    for subject in command.subjects:
        said = [token_of(one, subject.token).warning for one in tokenizers if one is not None]
        plain = subject.token.strip("<>[]*_ ").casefold()
        told = plain in COMMON or plain in subject.class_word.casefold().split() or plain == "sks"
        for code in dict.fromkeys(one for one in said if one):
            if code != "token_common" or not told:
                yield code, {"token": subject.token}


def size(command: RunTraining, recipe: Recipe) -> tuple[int, int]:
    """Give width and height of samples, in pixels."""
    source, defaults = command.resources[command.base], command.defaults
    if recipe.resolution is None and defaults.width and defaults.height:
        return defaults.width, defaults.height
    side = recipe.resolution or family_of(source.family or "", source.name).size
    return side // _STEP * _STEP, side // _STEP * _STEP


def about(command: RunTraining, alone: bool = True) -> dict[str, Any]:
    """Say what usable weights belong to.

    :param alone: whether they need no LoRA beside them that was gone on from.
    """
    return {
        "training": command.training,
        "base": command.resources[command.base].identity,
        "tokens": [one.token for one in command.subjects],
        "class_words": [one.class_word for one in command.subjects],
        "alone": alone,
        "ztsnr": command.recipe.method == "full" and bool(command.recipe.ztsnr),
    }
