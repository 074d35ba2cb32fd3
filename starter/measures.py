"""Questions put to a model, and how often the judge agrees with the answer.

Knows prompts and what should be seen. Does not know how the model was made.
"""

import itertools
import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from starter.captions import add_article
from starter.judge import Judge
from starter.sampling import draw_pictures
from starter.scenes import COLOURS, held_colour
from starter.sprites import STYLES
from starter.subjects import Subject

SEED = 1000  # of the first picture
WISHES = (
    ("3d", "red fox", "blue"),
    ("flat", "panda", "green"),
    ("cartoon", "penguin", "light blue"),
    ("3d", "hamburger", "white"),
    ("flat", "cactus", "yellow"),
    ("3d", "sunflower", "purple"),
    ("cartoon", "frog", "brown"),
    ("3d", "strawberry", "black"),
    ("flat", "umbrella", "orange"),
    ("3d", "owl", "gray"),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A prompt and what should be seen."""

    prompt: str
    subject: int
    style: int
    background: int


def list_asked(subjects: Sequence[Subject], repeats: int) -> list[Asked]:
    """Ask for every subject in every style, on backgrounds it was seen on in training."""
    colours, asked = list(COLOURS), []
    draw = random.Random(5)
    for number, subject in enumerate(subjects):
        free = [name for name in colours if name != held_colour(subject.code)]
        for style, colour in itertools.product(STYLES, range(repeats)):
            name = draw.sample(free, repeats)[colour]
            prompt = f"a {style} {subject.name} on {add_article(name)} background"
            asked.append(_ask(prompt, number, style, name))
    return asked


def list_unseen(subjects: Sequence[Subject]) -> list[Asked]:
    """Ask for every subject on the one background it was never seen on, worded anew."""
    asked = []
    for number, subject in enumerate(subjects):
        style = STYLES[number % len(STYLES)]
        name = held_colour(subject.code)
        prompt = f"{subject.name}, {style}, with {name} background please"
        asked.append(_ask(prompt, number, style, name))
    return asked


def list_wished(subjects: Sequence[Subject]) -> list[Asked]:
    """Ask for ten well-known things as a newcomer would, "a 3d red fox on a blue background"."""
    places = {word: number for number, one in enumerate(subjects) for word in one.words}
    return [
        _ask(
            f"{add_article(f'{style} {words}')} on {add_article(colour)} background",
            places[words],
            style,
            colour,
        )
        for style, words, colour in WISHES
    ]


def _ask(prompt: str, subject: int, style: str, colour: str) -> Asked:
    background = list(COLOURS).index(colour)
    return Asked(prompt=prompt, subject=subject, style=STYLES.index(style), background=background)


def stack(pictures: Sequence[Image.Image]) -> torch.Tensor:
    """Stack pictures as uint8, (B, 3, H, W)."""
    rows = [torch.from_numpy(np.array(picture)) for picture in pictures]
    return torch.stack(rows).permute(0, 3, 1, 2)  # (B, H, W, 3) -> (B, 3, H, W)


def measure(
    pipeline: StableDiffusionPipeline, judge: Judge, asked: Sequence[Asked], guidance: float
) -> dict[str, float]:
    """Draw every prompt once and give the part that the judge agrees with."""
    prompts = [one.prompt for one in asked]
    pictures = list(draw_pictures(pipeline, prompts, seed=SEED, guidance=guidance))
    return agree(judge, stack(pictures), asked)


def agree(judge: Judge, pictures: torch.Tensor, asked: Sequence[Asked]) -> dict[str, float]:
    """Give the part of pictures, uint8 (B, 3, H, W), in which the judge sees what was asked."""
    seen = judge.look(pictures)
    subject = seen.subject == torch.tensor([one.subject for one in asked])
    style = seen.style == torch.tensor([one.style for one in asked])
    background = seen.background == torch.tensor([one.background for one in asked])
    return {
        "pictures": len(asked),
        "subject": subject.float().mean().item(),
        "style": style.float().mean().item(),
        "background": background.float().mean().item(),
        "subject on background": (subject & background).float().mean().item(),
        "all": (subject & style & background).float().mean().item(),
    }


def measure_sides(
    pipeline: StableDiffusionPipeline, judge: Judge, subjects: Sequence[Subject], count: int
) -> dict[str, float]:
    """Ask for pairs; give the part in which each stands nearer to its own side's half."""
    draw = random.Random(6)
    pairs = [draw.sample(range(len(subjects)), 2) for _ in range(count)]
    prompts = [
        f"a flat {subjects[a].name} on the left and {add_article(subjects[b].name)} on the right, "
        f"{draw.choice(list(COLOURS))} background"
        for a, b in pairs
    ]
    pictures = stack(list(draw_pictures(pipeline, prompts, seed=SEED)))
    side = pictures.shape[-1]
    rows = slice(side // 4, side // 4 + side // 2)
    left = judge.look(pictures[:, :, rows, : side // 2]).subject_scores
    right = judge.look(pictures[:, :, rows, side // 2 :]).subject_scores
    hits = [
        bool(left[n, a] > left[n, b] and right[n, b] > right[n, a])
        for n, (a, b) in enumerate(pairs)
    ]
    return {"pictures": count, "both": sum(hits) / count}


def measure_diversity(
    pipeline: StableDiffusionPipeline, judge: Judge, subjects: Sequence[Subject]
) -> float:
    """Give the mean distance in 0..2 of the judge's features between seeds of one prompt."""
    distances = []
    for subject in subjects[:8]:
        prompts = [f"a 3d {subject.name} on a blue background"] * 8
        features = judge.look(stack(list(draw_pictures(pipeline, prompts, seed=SEED)))).features
        distances.append(torch.pdist(features.clone()).mean())
    return torch.stack(distances).mean().item()


def measure_speed(pipeline: StableDiffusionPipeline) -> dict[str, float]:
    """Time single pictures; give seconds a picture and the process's peak memory in MB."""
    prompts = ["a 3d red fox on a blue background"]
    list(draw_pictures(pipeline, prompts))
    seconds = []
    for seed in range(5):
        started = time.perf_counter()
        list(draw_pictures(pipeline, prompts, seed=seed))
        seconds.append(time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": sorted(seconds)[2], "peak_mb": peak}
