"""Measure the exported model: `python -m starter.eval`.

Asks for pictures by prompt and lets the judge say what is in them. Writes `eval.json` and the
table in the card. Does not train the model.
"""

import argparse
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline

from starter.canvas import Canvas
from starter.card import update_card, write_table
from starter.export import measure_bytes
from starter.judge import (
    SHIPPED,
    Judge,
    check_judge,
    narrow,
    read_judge,
    train_judge,
    write_judge,
)
from starter.material import default_cache
from starter.measures import (
    list_asked,
    list_unseen,
    measure,
    measure_diversity,
    measure_sides,
    measure_speed,
)
from starter.recipe import FACTOR, RECIPES
from starter.sampling import GUIDANCE, load_pipeline
from starter.sprites import load_atlas
from starter.subjects import LATEST, Subject, pick_trained, read_subjects

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
JUDGE_STEPS = 4000  # a minute on a GPU, an hour on two cores
SPRITE = 256  # pixels: the side of the sprites the judge learns from


def parse(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m starter.eval", description=__doc__)
    parser.add_argument("--model", type=Path, default=HERE / "model")
    parser.add_argument("--cache", type=Path, default=default_cache())
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--repeats", type=int, default=1, help="pictures a subject and style")
    parser.add_argument("--judge-steps", type=int, default=JUDGE_STEPS)
    parser.add_argument("--guidance", type=float, default=GUIDANCE)
    parser.add_argument("--out", type=Path, default=HERE / "eval.json")
    parser.add_argument("--speed", action="store_true", help="time it; keep the other figures")
    return parser.parse_args(argv)


def load_judge(
    subjects: Sequence[Subject], cache: Path, device: str = "cpu", steps: int = JUDGE_STEPS
) -> tuple[Judge, dict[str, float]]:
    """Load the judge of these subjects, and its own accuracy on them.

    The one that ships knows every subject; where the table has others, one is trained and put
    into the cache on the first call.
    """
    codes = [subject.code for subject in pick_trained(read_subjects(), LATEST)]
    canvas = Canvas(load_atlas(read_subjects(), SPRITE, cache), device)
    judge, judged = read_judge(SHIPPED, device)
    if judged != codes:
        path = cache / f"judge-{len(codes)}.safetensors"
        if not path.exists():
            write_judge(train_judge(codes, canvas, steps=steps), codes, path)
        judge, _ = read_judge(path, device)
    known = [subject.code for subject in subjects]
    judge = narrow(judge, [codes.index(code) for code in known])
    return judge, check_judge(judge, known, canvas)


def examine(
    pipeline: StableDiffusionPipeline,
    judge: Judge,
    subjects: Sequence[Subject],
    repeats: int,
    guidance: float,
) -> tuple[dict[str, dict[str, float]], dict[str, float]]:
    """Measure what it draws: a row of figures for each kind of prompt, and single facts."""
    every, unseen = list_asked(subjects, repeats), list_unseen(subjects)
    figures = {
        "every subject in every style": measure(pipeline, judge, every, guidance),
        "unseen subject and background pairs, new wording": measure(
            pipeline, judge, unseen, guidance
        ),
    }
    facts = {
        "sides": measure_sides(pipeline, judge, subjects, 192)["both"],
        "diversity": measure_diversity(pipeline, judge, subjects),
    }
    return figures, facts


def main(argv: list[str] | None = None) -> None:
    """Measure and report."""
    asked = parse(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    threads = asked.threads or os.cpu_count() or 1
    torch.set_num_threads(threads)
    pipeline = load_pipeline(asked.model).to(asked.device)
    kept = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else {"facts": {}}
    figures, facts = kept.get("figures", {}), kept["facts"]
    facts["bytes"] = measure_bytes(asked.model)
    if asked.speed:
        facts |= {"threads": float(threads), **measure_speed(pipeline)}
    else:
        recipe = RECIPES[pipeline.unet.config.sample_size * FACTOR]
        subjects = pick_trained(read_subjects(), recipe.edition)
        judge, own = load_judge(subjects, asked.cache, asked.device, asked.judge_steps)
        log.info("the judge itself: %s", own)
        figures, found = examine(pipeline, judge, subjects, asked.repeats, asked.guidance)
        figures["the judge itself, on composed pictures"] = own
        facts |= found
    asked.out.write_text(json.dumps({"figures": figures, "facts": facts}, indent=2) + "\n", "utf-8")
    if {"sides", "seconds"} <= facts.keys():
        table = write_table(figures, facts)
        log.info("\n%s", table)
        update_card(HERE / "README.md", table)


if __name__ == "__main__":
    main()
