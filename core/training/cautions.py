"""What is unwise, or worth knowing, before a run: warnings, each a code with words in ``i18n``.

None of it forbids the run; that is ``contradictions``'. Words stand under ``warnings.<code>``.
"""

from collections.abc import Iterator

from core.records.recipe import Recipe
from core.records.training import Plan, Warned
from core.training.contradictions import ADAPTERS
from core.training.defaults import Defaults, size_of
from core.training.facts import Facts
from core.training.frequent import COMMON
from core.training.memory import Taken, snapshot_bytes

FEW, MANY = 3, 60  # pictures of a subject
SMALL = 0.75  # of the resolution's area side, below which a picture is enlarged too much
FEW_CLASS = 100  # class pictures
_SEEN_LEAST = 20  # times that a picture should be shown
_GIGA = 1e9


def cautions(
    asked: Recipe, plan: Plan, facts: Facts, row: Defaults, *, fits: bool, taken: Taken
) -> list[Warned]:
    """List what is worth knowing.

    :param asked: the recipe as it came, with what was left open.
    :param row: the defaults that were chosen from.
    :param fits: whether a way was found that fits the device.
    """
    return [
        *_words(plan.recipe, facts),
        *_pictures(plan.recipe, facts),
        *_steps(plan, row),
        *_prior(plan.recipe, plan, facts),
        *_rates(plan.recipe, row),
        *_unused(asked),
        *_memory(asked, plan, facts, fits=fits),
        *_disk(plan, facts, taken),
    ]


def _warned(code: str, **params: str | int | float | None) -> Warned:
    return Warned(code=code, params=dict(params))


def _words(recipe: Recipe, facts: Facts) -> Iterator[Warned]:
    for subject in facts.subjects:
        token = subject.token
        plain = token.strip("<>[]*_ ").casefold()
        if plain == "sks":
            yield _warned("token_rifle", token=token)
        elif plain in COMMON or plain in subject.class_word.casefold().split():
            yield _warned("token_common", token=token)
        for text in (subject.instance_prompt, *recipe.templates):
            if text and not _names(text, token):
                yield _warned("prompt_without_token", token=token, prompt=text[:100])
        if subject.class_prompt and _names(subject.class_prompt, token):
            yield _warned("class_prompt_with_token", token=token)
    captions = sum(picture.captioned for picture in facts.pictures)
    if recipe.captions in ("text", "json") and captions < len(facts.pictures):
        yield _warned("captions_missing", missing=len(facts.pictures) - captions)


def _names(text: str, token: str) -> bool:
    return token in text or "{token}" in text or "{subject}" in text


def _pictures(recipe: Recipe, facts: Facts) -> Iterator[Warned]:
    count, subjects = len(facts.pictures), max(1, len(facts.subjects))
    if count < FEW * subjects:
        yield _warned("pictures_few", pictures=count, least=FEW * subjects)
    if count > MANY * subjects:
        yield _warned("pictures_many", pictures=count, most=MANY * subjects)
    resolution = recipe.resolution or facts.resolution
    side = resolution * SMALL
    small = sum(one.width * one.height < side * side for one in facts.pictures)
    if small:
        yield _warned("resolution_above_pictures", resolution=resolution, pictures=small)
    if resolution > 1.25 * facts.resolution:
        yield _warned(
            "resolution_above_model", resolution=resolution, native=facts.resolution
        )  # fmt: skip
    if resolution < 0.5 * facts.resolution:
        yield _warned(
            "resolution_below_model", resolution=resolution, native=facts.resolution
        )  # fmt: skip
    if recipe.flip:
        yield _warned("flip_mirrors")


def _steps(plan: Plan, row: Defaults) -> Iterator[Warned]:
    if plan.epochs > row.overfit:
        yield _warned("steps_many", times=round(plan.epochs), most=row.overfit)
    if plan.epochs < _SEEN_LEAST:
        yield _warned("steps_few", times=plan.epochs, least=_SEEN_LEAST)
    if plan.recipe.ema and plan.steps * (1 - plan.recipe.ema) < 1:
        yield _warned("ema_slow", decay=plan.recipe.ema, steps=plan.steps)


def _prior(recipe: Recipe, plan: Plan, facts: Facts) -> Iterator[Warned]:
    kept = recipe.prior != "off" and recipe.class_per_instance > 0 and recipe.prior_weight > 0
    if recipe.method == "full" and not kept:
        yield _warned("prior_off")
    if kept and recipe.prior == "images" and recipe.num_class_images < FEW_CLASS:
        yield _warned("class_pictures_few", pictures=recipe.num_class_images, least=FEW_CLASS)
    if kept and recipe.prior == "self_distill" and recipe.method == "embedding":
        yield _warned("recipe_unused", field="prior")
    slow = facts.device == "cpu" and size_of(facts.weighed.denoiser) != "tiny"
    if slow and plan.class_pictures:
        yield _warned("class_pictures_slow", pictures=plan.class_pictures)


def _rates(recipe: Recipe, row: Defaults) -> Iterator[Warned]:
    if recipe.optimizer == "prodigy":
        if recipe.lr_unet is not None and recipe.lr_unet < 0.1:
            yield _warned("rate_of_prodigy", rate=recipe.lr_unet)
        return
    used = {"lr_unet": recipe.train_denoiser and recipe.method != "embedding",
            "lr_te": bool(recipe.train_text_encoder),
            "lr_emb": recipe.method in ("embedding", "pivotal")}  # fmt: skip
    for field, does in used.items():
        rate, usual = getattr(recipe, field), getattr(row, field)
        if does and rate > 10 * usual:
            yield _warned("rate_high", field=field, rate=rate, usual=usual)
        elif does and 0 < rate < usual / 20:
            yield _warned("rate_low", field=field, rate=rate, usual=usual)


def _unused(asked: Recipe) -> Iterator[Warned]:
    """Name fields that were set and change nothing."""
    plain = Recipe()
    method = asked.method
    without: list[tuple[bool, tuple[str, ...]]] = [
        (method not in ADAPTERS, ("rank", "alpha", "targets")),
        (method not in ("embedding", "pivotal"), ("token_vectors", "token_start", "lr_emb")),
        (method == "embedding", ("train_text_encoder", "lr_unet", "lr_te", "train_denoiser")),
        (asked.train_text_encoder is False, ("te_stop_fraction", "lr_te")),
        (not asked.train_denoiser, ("lr_unet",)),
        (asked.prior == "off", ("num_class_images", "class_per_instance", "prior_weight")),
        (asked.prior in ("off", "self_distill"), ("prior_steps", "prior_guidance")),
        (asked.crop == "center", ("crop_variants",)),
        (not asked.buckets, ("bucket_step",)),
        (asked.transparency != "mask", ("mask_background",)),
    ]
    fields = dict.fromkeys(field for does, fields in without if does for field in fields)
    for field in fields:
        if getattr(asked, field) != getattr(plain, field):
            yield _warned("recipe_unused", field=field)


def _memory(asked: Recipe, plan: Plan, facts: Facts, *, fits: bool) -> Iterator[Warned]:
    recipe = plan.recipe
    if not plan.budget_bytes:
        yield _warned("memory_unknown")
    elif not fits:
        other = "lora" if recipe.method == "full" else "resolution"
        yield _warned(
            f"memory_over_{other}",
            needed=round(plan.peak_bytes / _GIGA, 1),
            budget=round(plan.budget_bytes / _GIGA, 1),
        )
    elif asked.grad_checkpoint is None and recipe.grad_checkpoint:
        yield _warned("memory_checkpointing")
    if asked.optimizer is None and recipe.optimizer == "adamw8bit":
        yield _warned("memory_8bit")
    if plan.yields == "park":
        yield _warned("training_parks")
    if facts.device == "cpu":
        if size_of(facts.weighed.denoiser) != "tiny":
            yield _warned("device_slow")
        if recipe.precision != "float32":
            yield _warned("precision_slow", precision=recipe.precision)
    if facts.device == "cuda" and recipe.precision == "float32":
        yield _warned("precision_wide")


def _disk(plan: Plan, facts: Facts, taken: Taken) -> Iterator[Warned]:
    every = plan.recipe.snapshot_every
    snapshots = plan.steps // every if every else 0
    needed = plan.checkpoint_bytes * (plan.recipe.keep_last + 2)
    needed += snapshot_bytes(taken) * (snapshots + 1)
    if facts.disk_bytes and needed > facts.disk_bytes:
        yield _warned(
            "disk_short",
            needed=round(needed / _GIGA, 1),
            free=round(facts.disk_bytes / _GIGA, 1),
        )
