"""Measure the exported model: `python -m starter.eval`.

Asks for pictures by prompt and lets the judge say what is in them. Writes `eval.json` and the
table in the card. Does not train the model.
"""

import argparse
import itertools
import json
import logging
import os
import random
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from starter.captions import add_article
from starter.export import measure_bytes
from starter.judge import Judge, check_judge, train_judge
from starter.material import default_cache
from starter.sampling import GUIDANCE, STEPS, draw_pictures, load_pipeline
from starter.scenes import COLOURS, held_colour
from starter.sprites import STYLES, load_atlas
from starter.subjects import Subject, pick_trained, read_subjects

log = logging.getLogger(__name__)

BEGIN, END = "<!-- eval -->", "<!-- /eval -->"
SEED = 1000  # of the first picture


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
    seen = judge.look(stack(pictures))
    subject = seen.subject == torch.tensor([one.subject for one in asked])
    style = seen.style == torch.tensor([one.style for one in asked])
    background = seen.background == torch.tensor([one.background for one in asked])
    return {
        "pictures": len(asked),
        "subject": subject.float().mean().item(),
        "style": style.float().mean().item(),
        "background": background.float().mean().item(),
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


def write_table(figures: dict[str, dict[str, float]], facts: dict[str, float]) -> str:
    """Write the figures as the card's table, in Markdown."""
    lines = ["| asked for | pictures | subject | style | background | all three |"]
    lines.append("|---|---|---|---|---|---|")
    for name, row in figures.items():
        parts = [f"{100 * row[key]:.1f} %" for key in ("subject", "style", "background", "all")]
        lines.append(f"| {name} | {row['pictures']:.0f} | {' | '.join(parts)} |")
    lines.append("")
    lines.append(
        f"Two subjects side by side, each on its own side: {100 * facts['sides']:.0f} %. "
        f"Mean feature distance between seeds of one prompt: {facts['diversity']:.2f}. "
        f"{facts['seconds']:.2f} s a picture on {facts['threads']:.0f} cores, "
        f"peak memory {facts['peak_mb']:.0f} MB (judge and both libraries included). "
        f"{STEPS} steps of DPM++ 2M, guidance {GUIDANCE:g}."
    )
    return "\n".join(lines)


def update_card(card: Path, table: str) -> None:
    """Put the table between the card's two marks."""
    text = card.read_text("utf-8")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    card.write_text(f"{head}{BEGIN}\n{table}\n{END}{tail}", "utf-8")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m starter.eval", description=__doc__)
    parser.add_argument("--model", type=Path, default=Path(__file__).with_name("model"))
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--repeats", type=int, default=2, help="pictures a subject and style")
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--write", action="store_true", help="write eval.json and the card")
    return parser.parse_args(argv)


def load_judge(subjects: Sequence[Subject], cache: Path) -> tuple[Judge, dict[str, float]]:
    """Load the judge from the cache, training it on the first call; and its own accuracy."""
    codes = [subject.code for subject in subjects]
    atlas = load_atlas(read_subjects(), 128, cache)
    path = cache / f"judge-{len(codes)}.pt"
    if path.exists():
        judge = Judge(len(codes))
        judge.load_state_dict(torch.load(path, weights_only=True))
    else:
        judge = train_judge(codes, atlas)
        torch.save(judge.state_dict(), path)
    return judge, check_judge(judge, codes, atlas)


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    asked = parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    threads = asked.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    subjects = pick_trained(read_subjects())
    judge, own = load_judge(subjects, asked.cache)
    log.info("the judge itself: %s", own)
    pipeline = load_pipeline(asked.model)
    facts = {"threads": float(threads), **measure_speed(pipeline)}
    every = list_asked(subjects, asked.repeats)
    figures = {
        "every subject in every style": measure(pipeline, judge, every, asked.guidance),
        "unseen subject and background pairs, new wording": measure(
            pipeline, judge, list_unseen(subjects), asked.guidance
        ),
        "the judge itself, on composed pictures": own,
    }
    facts["sides"] = measure_sides(pipeline, judge, subjects, 96)["both"]
    facts["diversity"] = measure_diversity(pipeline, judge, subjects)
    facts["bytes"] = measure_bytes(asked.model)
    table = write_table(figures, facts)
    log.info("\n%s", table)
    if asked.write:
        here = Path(__file__).parent
        text = json.dumps({"figures": figures, "facts": facts}, indent=2)
        (here / "eval.json").write_text(text + "\n", "utf-8")
        update_card(here / "README.md", table)


if __name__ == "__main__":
    main()
