"""What forbids a run: everything in a recipe that cannot be, each with a pointer into the request.

Knows no words and no memory; what is only unwise is ``cautions``'.
"""

from collections import Counter
from collections.abc import Iterator

from core.errors import Params, Problem
from core.records.recipe import Recipe
from core.training.defaults import METHODS, UNFIT
from core.training.facts import Facts

ADAPTERS = frozenset({"lora", "dora", "lokr", "pivotal"})
LEARNED = frozenset({"embedding", "pivotal"})  # whose token has vectors of its own
FORMATS = frozenset({"diffusers", "single"})  # whose weights are numbers that can be trained
COMPUTING = frozenset({"full", "dora"})  # methods that compute with the weights of the base
PACKER = "bitsandbytes"  # packs weights in few bits
NEEDS = {"adamw8bit": PACKER, "prodigy": "prodigyopt", "came": "came_pytorch"}


def contradictions(recipe: Recipe, facts: Facts) -> list[Problem]:
    """Find all that forbids the run, in the order of the request's fields."""
    return [
        *_base(recipe, facts),
        *_pictures(recipe, facts),
        *_subjects(recipe, facts),
        *_trained(recipe),
        *_numbers(recipe, facts),
        *_loss(recipe, facts),
        *_machine(recipe, facts),
    ]


def _problem(code: str, pointer: str, **params: str | int | float | None) -> Problem:
    found: Params = dict(params)
    return Problem(code=code, pointer=pointer, params=found)


def _conflict(field: str, other: str, value: str) -> Problem:
    return Problem(
        code="recipe_conflict",
        pointer=f"/{field}",
        params={"field": field, "other": other, "value": value},
    )


def _base(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    methods = METHODS.get(facts.family)
    if methods is None or facts.edition in UNFIT or facts.format not in FORMATS:
        other = facts.format if facts.format not in FORMATS else facts.edition or ""
        name = f"{facts.family} {other}".strip()
        yield Problem(code="training_unsupported", pointer="/base_model", params={"family": name})
    elif recipe.method not in methods:
        yield Problem(
            code="method_unsupported",
            pointer="/method",
            params={"method": recipe.method, "family": facts.family, "values": ", ".join(methods)},
        )


def _pictures(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    count = len(facts.pictures)
    held = sum(picture.held_out for picture in facts.pictures)
    if count == 0:
        yield Problem(code="dataset_empty", pointer="/dataset")
    elif held >= count:
        yield Problem(code="dataset_all_held_out", pointer="/dataset")
    elif held + recipe.held_out >= count:
        yield _problem("number_too_large", "/held_out", max=count - held - 1)


def _subjects(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    tokens = Counter(subject.token.casefold() for subject in facts.subjects)
    several = len(facts.subjects) > 1
    for index, subject in enumerate(facts.subjects):
        pointer = f"/subjects/{index}/token" if several else "/token"
        if tokens[subject.token.casefold()] > 1:
            yield Problem(code="token_twice", pointer=pointer, params={"token": subject.token})
        if recipe.method in LEARNED and len(subject.token.split()) != 1:
            yield Problem(code="token_spaced", pointer=pointer, params={"token": subject.token})


def _trained(recipe: Recipe) -> Iterator[Problem]:
    method = recipe.method
    rates = _rates(recipe)
    if not rates:
        yield Problem(code="training_nothing", pointer="/train_denoiser")
    elif all(rate == 0 for rate in rates.values()):
        yield Problem(code="training_nothing", pointer=f"/{next(iter(rates))}")
    if method not in ADAPTERS and recipe.start_lora is not None:
        yield _conflict("start_lora", "method", method)
    if method in COMPUTING and recipe.quantize not in (None, "none"):
        yield _conflict("quantize", "method", method)


def _rates(recipe: Recipe) -> dict[str, float | None]:
    """Give the rate of each part that is sure to be trained, or may be where no other is."""
    rates: dict[str, float | None] = {}
    if recipe.method != "embedding":
        if recipe.train_denoiser:
            rates["lr_unet"] = recipe.lr_unet
        if recipe.train_text_encoder or (recipe.train_text_encoder is None and not rates):
            rates["lr_te"] = recipe.lr_te
    if recipe.method in LEARNED:
        rates["lr_emb"] = recipe.lr_emb
    return rates


def _numbers(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    if recipe.max_steps is not None and recipe.max_steps <= facts.done:
        yield _problem("training_no_steps", "/max_steps", done=facts.done)
    for index, beta in enumerate(recipe.betas):
        if beta >= 1:
            yield _problem("number_not_below", f"/betas/{index}", max=1)
    factor = facts.weighed.factor
    if recipe.bucket_step % factor:
        yield _problem("number_not_multiple", "/bucket_step", multiple=factor)
    if recipe.resolution is not None:
        if recipe.resolution % factor:
            yield _problem("number_not_multiple", "/resolution", multiple=factor)
        if recipe.resolution < 2 * factor:
            yield _problem("number_too_small", "/resolution", min=2 * factor)


def _loss(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    prediction = facts.weighed.prediction
    if recipe.ztsnr and prediction != "v_prediction":
        yield _conflict("ztsnr", "prediction_type", prediction)
    if prediction == "flow":
        if recipe.snr_gamma:
            yield _conflict("snr_gamma", "prediction_type", prediction)
        if recipe.noise_offset:
            yield _conflict("noise_offset", "prediction_type", prediction)


def _machine(recipe: Recipe, facts: Facts) -> Iterator[Problem]:
    if recipe.parallel > facts.devices:
        yield _problem("number_too_large", "/parallel", max=facts.devices)
    packed = recipe.quantize in ("nf4", "int8")
    absent = facts.libraries is not None and PACKER not in facts.libraries
    if packed and recipe.method not in COMPUTING and (facts.device != "cuda" or absent):
        reason = "CUDA" if facts.device != "cuda" else PACKER
        params: Params = {"quantize": recipe.quantize, "reason": reason}
        yield Problem(code="quantize_unsupported", pointer="/quantize", params=params)
    needed = NEEDS.get(recipe.optimizer or "")
    if needed and facts.libraries is not None and needed not in facts.libraries:
        yield Problem(
            code="optimizer_unavailable",
            pointer="/optimizer",
            params={"optimizer": recipe.optimizer, "library": needed},
        )
