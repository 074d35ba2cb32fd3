"""The plan of a run: every choice that the recipe leaves open, and what the run will take.

Pure: recipe and facts in, plan out. Memory is made to fit by steps that change nothing of what is
learned first (activations computed twice), then by smaller optimizers and fewer trained parts;
what fits in no way is planned all the same, with a warning that says so.
"""

import math
from collections.abc import Iterator
from itertools import product
from typing import Literal, TypeVar

from msgspec import structs

from core.errors import Invalid
from core.records.recipe import Optimizer, Precision, Recipe
from core.records.training import Plan
from core.training import memory
from core.training.cautions import cautions
from core.training.contradictions import COMPUTING, NEEDS, contradictions
from core.training.defaults import (
    EMA,
    LONG,
    SNR_GAMMA,
    Defaults,
    defaults_of,
    rate_of,
    size_of,
    steps_of,
)
from core.training.facts import Facts, Measured

OPEN = frozenset({"start_lora", "token_start"})  # null means none, in a resolved recipe too
_USABLE = 0.92  # of a device's memory: allocators never fill all
_AGAIN = 1.33  # times as long, where activations are computed twice

Value = TypeVar("Value")


def planned(recipe: Recipe, facts: Facts) -> Plan:
    """Make every choice that a recipe leaves open.

    :raises Invalid: with every contradiction, each with a pointer.
    """
    problems = contradictions(recipe, facts)
    if problems:
        raise Invalid(problems=tuple(problems))
    budget = budget_of(facts)
    row = defaults_of(recipe.method, size_of(facts.weighed.denoiser))
    chosen, fits = _fitted(_chosen(recipe, facts, row), recipe, facts, row, budget)
    subjects = max(1, len(facts.subjects))
    taken = memory.taken(chosen, facts, subjects)
    shown = (chosen.max_steps or 1) * chosen.batch * chosen.accumulate * chosen.parallel
    pictures = _taught(chosen, facts)
    plan = Plan(
        steps=chosen.max_steps or 1,
        epochs=round(shown / max(1, pictures * chosen.repeats), 2),
        pictures=pictures,
        class_pictures=_class_pictures(chosen, shown, subjects),
        recipe=chosen,
        peak_bytes=taken.peak,
        budget_bytes=budget,
        checkpoint_bytes=memory.checkpoint_bytes(taken),
        seconds=_seconds(chosen, facts, subjects),
        yields=_yields(chosen, facts, taken.peak, budget),
    )
    warnings = cautions(recipe, plan, facts, row, fits=fits, taken=taken)
    return structs.replace(plan, warnings=warnings)


def budget_of(facts: Facts) -> int:
    """Say what a run may take of the device, in bytes; 0 where that is not known."""
    usable = int(facts.total_bytes * _USABLE)
    return min(usable, facts.free_bytes) if facts.free_bytes else usable


def _chosen(recipe: Recipe, facts: Facts, row: Defaults) -> Recipe:
    """Fill in what does not depend on memory."""
    flow = facts.weighed.prediction == "flow"
    optimizer = recipe.optimizer or "adamw"
    words = [subject.class_word for subject in facts.subjects]
    batch = recipe.batch * recipe.accumulate * recipe.parallel
    steps = recipe.max_steps or facts.done + steps_of(row, _taught(recipe, facts), batch, words)
    rank = recipe.rank or row.rank
    learns_token = recipe.method in ("embedding", "pivotal")
    start = words[0] if learns_token and len(set(words)) == 1 else None

    return structs.replace(
        recipe,
        rank=rank,
        alpha=_either(recipe.alpha, float(rank)),
        targets=_either(recipe.targets, row.targets),
        token_start=recipe.token_start or start,
        te_stop_fraction=_either(recipe.te_stop_fraction, row.te_stop),
        optimizer=optimizer,
        lr_unet=_either(recipe.lr_unet, rate_of(optimizer, row.lr_unet)),
        lr_te=_either(recipe.lr_te, rate_of(optimizer, row.lr_te)),
        lr_emb=_either(recipe.lr_emb, rate_of(optimizer, row.lr_emb)),
        schedule=_either(recipe.schedule, row.schedule),
        warmup=_either(recipe.warmup, row.warmup),
        ema=_either(recipe.ema, EMA if steps > LONG else 0.0),
        max_steps=steps,
        prior=_either(recipe.prior, row.prior),
        caption_dropout=_either(recipe.caption_dropout, row.dropout),
        resolution=_either(recipe.resolution, facts.resolution),
        snr_gamma=_either(recipe.snr_gamma, 0.0 if flow else SNR_GAMMA),
        timesteps=_either(recipe.timesteps, "logit_normal" if flow else "uniform"),
        precision=_either(recipe.precision, _precision(facts)),
        quantize=_either(recipe.quantize, "none" if recipe.method in COMPUTING else facts.quantize),
    )


def _either(given: Value | None, other: Value) -> Value:
    return other if given is None else given


def _precision(facts: Facts) -> Precision:
    return facts.half if facts.device == "cuda" else "float32"


def _fitted(
    chosen: Recipe, asked: Recipe, facts: Facts, row: Defaults, budget: int
) -> tuple[Recipe, bool]:
    """Choose what memory decides: the first of all ways that fits, else the smallest."""
    ways = [structs.replace(chosen, **way) for way in _ways(chosen, asked, facts, row, budget)]
    sizes = [memory.taken(way, facts, max(1, len(facts.subjects))).peak for way in ways]
    if not budget:
        careful = size_of(facts.weighed.denoiser) != "tiny"
        return next((way for way in ways if way.grad_checkpoint == careful), ways[0]), True
    for way, size in zip(ways, sizes, strict=True):
        if size <= budget:
            return way, True
    return ways[sizes.index(min(sizes))], False


def _ways(
    chosen: Recipe, asked: Recipe, facts: Facts, row: Defaults, budget: int
) -> Iterator[dict[str, bool | Optimizer]]:
    """List the ways that a recipe leaves open, the best first."""
    texts: list[bool] = [False]
    if asked.train_text_encoder is not None:
        texts = [asked.train_text_encoder]
    elif not asked.train_denoiser and chosen.method != "embedding":
        texts = [True]
    elif row.text and facts.total_bytes >= row.text_bytes and chosen.method != "embedding":
        texts = [True, False]
    optimizers: list[Optimizer] = [asked.optimizer or "adamw"]
    small = NEEDS["adamw8bit"] in (facts.libraries or ()) and facts.device == "cuda"
    if asked.optimizer is None and chosen.method == "full" and small:
        optimizers.append("adamw8bit")
    twice = [False, True] if asked.grad_checkpoint is None else [asked.grad_checkpoint]
    for text, optimizer, again in product(texts, optimizers, twice):
        yield {"train_text_encoder": text, "optimizer": optimizer, "grad_checkpoint": again}


def _taught(recipe: Recipe, facts: Facts) -> int:
    kept = sum(not picture.held_out for picture in facts.pictures)
    return max(1, kept - recipe.held_out)


def _class_pictures(recipe: Recipe, shown: int, subjects: int) -> int:
    if recipe.class_per_instance == 0:
        return 0
    if recipe.prior == "live":
        return math.ceil(shown * recipe.class_per_instance)
    return recipe.num_class_images * subjects if recipe.prior == "images" else 0


def _seconds(recipe: Recipe, facts: Facts, subjects: int) -> float | None:
    """Foretell a run's length from a measured step; None where none was."""
    if facts.measured is None:
        return None
    steps = (recipe.max_steps or 1) - facts.done
    each_step = recipe.batch * recipe.accumulate * recipe.parallel
    drawn = _class_pictures(recipe, steps * each_step, subjects)
    each = facts.draw_seconds or 0.0
    return round(steps * step_seconds(recipe, facts.measured) + drawn * each, 1)


def step_seconds(recipe: Recipe, measured: Measured) -> float:
    """Scale a measured step by rows, area and whether activations are computed twice."""
    rows = memory.rows_of(recipe) * recipe.accumulate / measured.rows
    area = (recipe.resolution or 1) ** 2 / measured.pixels
    again = (_AGAIN if recipe.grad_checkpoint else 1) / (_AGAIN if measured.grad_checkpoint else 1)
    return measured.seconds * rows * area * again


def _yields(recipe: Recipe, facts: Facts, peak: int, budget: int) -> Literal["stay", "park"]:
    """Say whether weights of run and pictures fit side by side."""
    if facts.device == "cpu" or not budget:
        return "stay"
    beside = memory.drawing_bytes(facts, recipe.method)
    return "stay" if peak + beside <= budget else "park"
