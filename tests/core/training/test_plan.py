"""Plans: every choice made, what a run takes, and what is said of it."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from core.errors import Invalid
from core.records.recipe import METHODS, Recipe
from core.records.training import Subject
from core.records.weighed import Weighed
from core.training import memory
from core.training.defaults import METHODS as ALLOWED
from core.training.facts import Facts, Measured, PictureFacts
from core.training.plan import OPEN, planned

SD1 = Weighed(
    denoiser=859_520_964, encoders=123_060_480, vae=83_653_863, text_width=768,
    attention=199_296, feed_forward=300_000, others=400_000, text_attention=73_728,
)  # fmt: skip
XL = structs.replace(SD1, denoiser=2_567_463_684, encoders=817_719_808, text_width=2048)
TINY = structs.replace(SD1, denoiser=8_840_000, encoders=1_850_000, prediction="v_prediction")
FLUX = Weighed(
    denoiser=11_901_408_320, encoders=4_884_000_000, factor=16, prediction="flow",
    attention=3_000_000,
)  # fmt: skip
FAMILIES = {"sd1": (SD1, 512), "sdxl": (XL, 1024), "flux": (FLUX, 1024), "tiny": (TINY, 64)}
GIGA = 1_000_000_000


def facts(family: str = "sd1", count: int = 5, gigabytes: float = 24, **other: object) -> Facts:
    weighed, resolution = FAMILIES[family]
    made = Facts(
        family="sd1" if family == "tiny" else family,
        resolution=resolution,
        weighed=weighed,
        subjects=[Subject(dataset="d", token="zxv", class_word="toy")],
        pictures=[PictureFacts(width=1200, height=1000) for _ in range(count)],
        device="cuda",
        total_bytes=int(gigabytes * GIGA),
    )
    return structs.replace(made, **other)


def codes(plan: object) -> set[str]:
    return {warning.code for warning in plan.warnings}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("method", "pictures", "steps"),
    [
        ("full", 1, 400), ("full", 5, 500), ("full", 40, 1200),
        ("lora", 3, 500), ("lora", 8, 800), ("lora", 40, 1500),
    ],
)  # fmt: skip
def test_steps_grow_with_the_pictures_between_bounds(
    method: str, pictures: int, steps: int
) -> None:
    assert planned(Recipe(method=method), facts(count=pictures)).steps == steps


def test_faces_take_half_as_many_steps_again() -> None:
    face = [Subject(dataset="d", token="zxv", class_word="old woman")]
    assert planned(Recipe(method="full"), facts(subjects=face)).steps == 750


def test_a_larger_batch_shows_as_many_pictures() -> None:
    one = planned(Recipe(), facts())
    four = planned(Recipe(batch=2, accumulate=2), facts())
    assert four.steps * 4 == one.steps
    assert four.epochs == one.epochs


def test_devices_that_share_a_run_show_as_many_pictures_in_fewer_steps() -> None:
    one, two = planned(Recipe(), facts()), planned(Recipe(parallel=2), facts(devices=2))
    assert (two.steps * 2, two.epochs) == (one.steps, one.epochs)


@pytest.mark.parametrize(
    ("method", "unet", "te", "schedule"),
    [("full", 2e-6, 1e-6, "constant"), ("lora", 1e-4, 5e-5, "cosine")],
)
def test_rates_and_schedule_follow_the_method(
    method: str, unet: float, te: float, schedule: str
) -> None:
    recipe = planned(Recipe(method=method), facts()).recipe
    assert (recipe.lr_unet, recipe.lr_te, recipe.schedule) == (unet, te, schedule)


def test_prodigy_finds_its_own_rate() -> None:
    assert planned(Recipe(optimizer="prodigy"), facts()).recipe.lr_unet == 1.0


def test_a_long_run_keeps_a_running_mean() -> None:
    assert planned(Recipe(max_steps=1001), facts()).recipe.ema == 0.999
    assert planned(Recipe(max_steps=1000), facts()).recipe.ema == 0


def test_a_flow_is_weighted_and_drawn_otherwise() -> None:
    eps, flow = planned(Recipe(), facts()).recipe, planned(Recipe(), facts("flux")).recipe
    assert (eps.snr_gamma, eps.timesteps) == (5.0, "uniform")
    assert (flow.snr_gamma, flow.timesteps) == (0.0, "logit_normal")


def test_precision_follows_the_device() -> None:
    assert planned(Recipe(), facts()).recipe.precision == "bfloat16"
    assert planned(Recipe(), facts(half="float16")).recipe.precision == "float16"
    assert planned(Recipe(), facts(device="cpu")).recipe.precision == "float32"


@pytest.mark.parametrize(
    ("count", "optimizer", "gigabytes"),
    [
        (859_520_964, "adamw", 13.75), (859_520_964, "adamw8bit", 8.6),
        (2_567_000_000, "adamw", 41.07), (2_567_000_000, "adamw8bit", 25.67),
        (11_900_000_000, "adamw", 190.4), (11_900_000_000, "adamw8bit", 119.0),
    ],
)  # fmt: skip
def test_state_is_sixteen_bytes_a_weight_or_ten(
    count: int, optimizer: str, gigabytes: float
) -> None:
    recipe = planned(
        Recipe(method="full", optimizer=optimizer, train_text_encoder=False), facts()
    ).recipe
    weighed = Weighed(denoiser=count)
    state = memory.taken(recipe, facts(weighed=weighed)).state
    assert state / GIGA == pytest.approx(gigabytes, rel=0.002)


@pytest.mark.parametrize(
    ("optimizer", "again", "batch", "gigabytes"),
    [
        ("adamw8bit", True, 1, 9.92), ("adamw8bit", False, 1, 11.17),
        ("adamw8bit", True, 2, 10.4), ("adamw8bit", False, 2, 13.67),
        ("adamw", True, 1, 15.79),
    ],
)  # fmt: skip
def test_a_full_run_is_foretold_within_a_tenth_of_what_was_measured(
    optimizer: str, again: bool, batch: int, gigabytes: float
) -> None:
    asked = Recipe(
        method="full", optimizer=optimizer, grad_checkpoint=again, batch=batch,
        train_text_encoder=False, precision="float16",
    )  # fmt: skip
    assert planned(asked, facts()).peak_bytes / GIGA == pytest.approx(gigabytes, rel=0.15)


def test_a_run_fits_by_computing_twice_before_anything_else_is_given_up() -> None:
    roomy = planned(Recipe(), facts("sdxl", gigabytes=80))
    tight = planned(Recipe(), facts("sdxl", gigabytes=12))
    assert not roomy.recipe.grad_checkpoint
    assert tight.recipe.grad_checkpoint
    assert tight.peak_bytes <= tight.budget_bytes
    assert "memory_checkpointing" in codes(tight)


def test_text_encoders_are_trained_where_there_is_room() -> None:
    assert planned(Recipe(method="full"), facts(gigabytes=24)).recipe.train_text_encoder
    assert not planned(Recipe(method="full"), facts(gigabytes=16)).recipe.train_text_encoder


def test_eight_bits_are_chosen_only_where_they_are_installed() -> None:
    ten = {"gigabytes": 12.0}
    with_it = planned(Recipe(method="full"), facts(**ten, libraries=frozenset({"bitsandbytes"})))
    without = planned(Recipe(method="full"), facts(**ten, libraries=frozenset()))
    assert with_it.recipe.optimizer == "adamw8bit"
    assert with_it.peak_bytes <= with_it.budget_bytes
    assert without.recipe.optimizer == "adamw"
    assert "memory_over_lora" in codes(without)


def test_seconds_come_from_a_measured_step() -> None:
    measured = Measured(seconds=2.0, rows=2, pixels=512 * 512)
    plan = planned(Recipe(max_steps=100), facts(measured=measured))
    wide = planned(Recipe(max_steps=100, batch=2), facts(measured=measured))
    assert planned(Recipe(), facts()).seconds is None
    assert plan.seconds == pytest.approx(200)
    assert wide.seconds == pytest.approx(400)


def test_a_run_that_goes_on_counts_what_is_left() -> None:
    measured = Measured(seconds=1.0, rows=2, pixels=512 * 512)
    plan = planned(Recipe(max_steps=100), facts(measured=measured, done=40))
    assert (plan.steps, plan.seconds) == (100, 60)


@pytest.mark.parametrize(
    ("recipe", "code", "pointer"),
    [
        (Recipe(train_denoiser=False, train_text_encoder=False), "training_nothing",
         "/train_denoiser"),
        (Recipe(lr_unet=0), "training_nothing", "/lr_unet"),
        (Recipe(method="embedding", lr_emb=0), "training_nothing", "/lr_emb"),
        (Recipe(method="full", start_lora="x"), "recipe_conflict", "/start_lora"),
        (Recipe(method="full", quantize="nf4"), "recipe_conflict", "/quantize"),
        (Recipe(method="dora", quantize="fp8"), "recipe_conflict", "/quantize"),
        (Recipe(held_out=5), "number_too_large", "/held_out"),
        (Recipe(betas=(0.9, 1.0)), "number_not_below", "/betas/1"),
        (Recipe(bucket_step=12), "number_not_multiple", "/bucket_step"),
        (Recipe(resolution=500), "number_not_multiple", "/resolution"),
        (Recipe(ztsnr=True), "recipe_conflict", "/ztsnr"),
        (Recipe(parallel=2), "number_too_large", "/parallel"),
    ],
)  # fmt: skip
def test_a_contradiction_is_named_with_its_place(recipe: Recipe, code: str, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        planned(recipe, facts())
    assert [(one.code, one.pointer) for one in caught.value.problems] == [(code, pointer)]


@pytest.mark.parametrize(
    ("made", "code", "pointer"),
    [
        ({"count": 0}, "dataset_empty", "/dataset"),
        ({"done": 500}, "training_no_steps", "/max_steps"),
        ({"format": "gguf"}, "training_unsupported", "/base_model"),
        ({"edition": "inpaint"}, "training_unsupported", "/base_model"),
        ({"pictures": [PictureFacts(width=9, height=9, held_out=True)]},
         "dataset_all_held_out", "/dataset"),
        ({"subjects": [Subject(dataset="a", token="x"), Subject(dataset="b", token="X")]},
         "token_twice", "/subjects/0/token"),
    ],
)  # fmt: skip
def test_facts_that_forbid_a_run_are_named(
    made: dict[str, object], code: str, pointer: str
) -> None:
    with pytest.raises(Invalid) as caught:
        planned(Recipe(max_steps=500), facts(**made))
    first = caught.value.problems[0]
    assert (first.code, first.pointer) == (code, pointer)


def test_all_contradictions_are_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        planned(Recipe(method="full", quantize="fp8", betas=(1, 1), ztsnr=True), facts(count=0))
    assert len(caught.value.problems) == 5


def test_a_large_transformer_is_not_trained_in_full() -> None:
    with pytest.raises(Invalid) as caught:
        planned(Recipe(method="full"), facts("flux"))
    assert caught.value.problems[0].code == "method_unsupported"


@given(
    method=st.sampled_from(METHODS),
    family=st.sampled_from(sorted(FAMILIES)),
    count=st.integers(1, 200),
    gigabytes=st.sampled_from([0, 0.5, 4, 8, 12, 24, 80, 192]),
    batch=st.integers(1, 16),
    accumulate=st.integers(1, 8),
    prior=st.sampled_from([None, "images", "live", "self_distill", "off"]),
    again=st.sampled_from([None, True, False]),
    device=st.sampled_from(["cpu", "cuda", "mps"]),
    optimizer=st.sampled_from([None, "adamw", "adafactor", "adamw8bit", "prodigy", "came"]),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.filter_too_much])
def test_no_plan_leaves_a_choice_open_or_hides_that_it_is_too_large(
    method: str, family: str, count: int, gigabytes: float, batch: int, accumulate: int,
    prior: str | None, again: bool | None, device: str, optimizer: str | None,
) -> None:  # fmt: skip
    here = facts(family, count, gigabytes, device=device)
    if method not in ALLOWED[here.family]:
        return
    asked = Recipe(
        method=method, batch=batch, accumulate=accumulate, prior=prior, grad_checkpoint=again,
        optimizer=optimizer,
    )  # fmt: skip
    plan = planned(asked, here)
    open_ = {name for name in Recipe.__struct_fields__ if getattr(plan.recipe, name) is None}
    assert open_ <= OPEN
    assert plan.steps == plan.recipe.max_steps > 0
    assert min(plan.peak_bytes, plan.checkpoint_bytes, plan.epochs) > 0
    over = plan.budget_bytes and plan.peak_bytes > plan.budget_bytes
    assert not over or {"memory_over_lora", "memory_over_resolution"} & codes(plan)
    assert plan.budget_bytes or "memory_unknown" in codes(plan)
    for name in Recipe.__struct_fields__:  # what was asked for stays
        if getattr(asked, name) != getattr(Recipe(), name):
            assert getattr(plan.recipe, name) == getattr(asked, name)


def test_a_plan_of_its_own_recipe_is_the_same_plan() -> None:
    first = planned(Recipe(method="full"), facts())
    assert planned(first.recipe, facts()).recipe == first.recipe


def test_a_frozen_base_is_kept_as_pictures_have_it_unless_the_recipe_says_otherwise() -> None:
    small = facts(quantize="fp8")
    assert planned(Recipe(method="lora"), small).recipe.quantize == "fp8"
    assert planned(Recipe(method="lora", quantize="none"), small).recipe.quantize == "none"
    assert planned(Recipe(method="full"), small).recipe.quantize == "none"
    assert planned(Recipe(method="dora"), small).recipe.quantize == "none"
    assert planned(Recipe(method="lora"), facts()).recipe.quantize == "none"
    wide, narrow = (
        planned(Recipe(method="lora", quantize=kind), facts("sdxl")).peak_bytes
        for kind in ("none", "fp8")
    )
    assert narrow < wide


@pytest.mark.parametrize(
    ("given", "reason"),
    [({"device": "cpu"}, "CUDA"), ({"libraries": frozenset()}, "bitsandbytes")],
)
def test_weights_are_packed_where_a_library_does_it(given: dict[str, object], reason: str) -> None:
    with pytest.raises(Invalid) as caught:
        planned(Recipe(method="lora", quantize="nf4"), facts(**given))  # type: ignore[arg-type]
    (problem,) = caught.value.problems
    assert (problem.code, problem.pointer) == ("quantize_unsupported", "/quantize")
    assert problem.params["reason"] == reason
    known = frozenset({"bitsandbytes"})
    assert planned(Recipe(method="lora", quantize="nf4"), facts(libraries=known)).steps
