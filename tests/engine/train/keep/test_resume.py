"""A run that is stopped and gone on with loses what one that never stopped loses: Δ = 0.0."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.train.keep import capture, fingerprint
from core.engine.train.keep.state import Loaded
from core.errors import JobError
from core.ipc.commands import TaughtPicture, TaughtSubject
from core.records.recipe import Recipe
from tests.engine.train.resumes import Run, alike, recipe
from tests.engine.train.runs import base_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STEPS = 8


@pytest.fixture(scope="module")
def base(sd1: Path) -> Any:
    return base_of(sd1)


RECIPES = {
    "plain": recipe(),
    "saved twice": recipe(checkpoint_every=3),
    "accumulated": recipe(accumulate=2, checkpoint_every=3),
    "epochs shorter than a step": recipe(accumulate=4, batch=2),
    "text until the half": recipe(train_text_encoder=True, te_stop_fraction=0.5),
    "distilled": recipe(prior="self_distill", snr_gamma=5.0, noise_offset=0.05),
}
WHOLE: dict[str, tuple[list[float], Loaded]] = {}


def whole(base: Any, name: str, folder: Path) -> tuple[list[float], Loaded]:
    """Give losses and end of the run of a recipe that is never stopped."""
    if name not in WHOLE:
        run = Run(folder, base, RECIPES[name], STEPS).fit()
        WHOLE[name] = run.losses, run.last
    return WHOLE[name]


# Of three pictures and a batch of one an epoch ends after steps 3 and 6; with two forwards a step
# within step 2 and after step 3; checkpoints are kept after steps 3 and 6.
STOPS = [
    *(("plain", k) for k in (1, 2, 3, 4, 7)),
    *(("saved twice", k) for k in (2, 3, 4)),
    *(("accumulated", k) for k in (1, 2, 3, 4)),
    *(("epochs shorter than a step", k) for k in (1, 2)),
    *(("text until the half", k) for k in (3, 4, 5)),
    ("distilled", 3),
]


@pytest.mark.parametrize(("name", "stop"), STOPS)
def test_a_run_that_stopped_and_went_on_equals_one_that_never_did(
    base: Any, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, name: str, stop: int
) -> None:
    losses, end = whole(base, name, tmp_path_factory.mktemp("never"))

    first = Run(tmp_path, base, RECIPES[name], STEPS, stop=stop).fit()
    second = Run(tmp_path, base, RECIPES[name], STEPS).fit()

    assert (first.done, second.done) == (stop, STEPS)
    assert first.losses + second.losses == losses
    assert alike(second.last, end)


def test_a_run_may_be_stopped_at_every_step(base: Any, tmp_path: Path) -> None:
    never = Run(tmp_path / "never", base, recipe(accumulate=2), 5).fit()
    losses = []
    for stop in range(1, 6):
        losses += Run(tmp_path / "often", base, recipe(accumulate=2), 5, stop=stop).fit().losses
    assert losses == never.losses


def test_two_workers_that_fetch_ahead_change_nothing(base: Any, tmp_path: Path) -> None:
    never = Run(tmp_path / "never", base, recipe(), 5).fit()
    first = Run(tmp_path / "workers", base, recipe(), 5, stop=2, workers=2).fit()
    second = Run(tmp_path / "workers", base, recipe(), 5, workers=2).fit()
    assert first.losses + second.losses == never.losses
    assert alike(second.last, never.last)


def test_a_run_that_ended_goes_on_when_it_gets_longer(base: Any, tmp_path: Path) -> None:
    wanted: Recipe = recipe(schedule="constant", warmup=0.0)
    never = Run(tmp_path / "never", base, wanted, 6).fit()
    first = Run(tmp_path / "longer", base, wanted, 3).fit()
    second = Run(tmp_path / "longer", base, wanted, 6).fit()
    assert first.losses + second.losses == never.losses
    assert Run(tmp_path / "longer", base, wanted, 6).fit().losses == []


def test_a_branch_goes_on_from_another_run_as_that_run_did(base: Any, tmp_path: Path) -> None:
    never = Run(tmp_path / "never", base, recipe(), 6).fit()
    first = Run(tmp_path / "one", base, recipe(), 6, stop=3).fit()
    branch = Run(tmp_path / "two", base, recipe(), 6, start=first.last).fit()
    assert first.losses + branch.losses == never.losses
    assert first.names == ["step-000003"]
    assert branch.names == ["step-000006"]


def test_a_branch_may_count_its_steps_from_the_beginning(base: Any, tmp_path: Path) -> None:
    first = Run(tmp_path / "one", base, recipe(), 3).fit()
    start = capture.restarted(first.last)
    branch = Run(tmp_path / "two", base, recipe(), 2, start=start).fit()
    assert [point.step for point in branch.trial.points] == [1, 2]
    assert branch.losses[0] != first.losses[0], "weights are those of the other run"
    assert branch.last.step == 2


SUBJECT = TaughtSubject(
    token="sks", class_word="fox", instance_prompt="a sks fox", class_prompt="a fox",
    pictures=[TaughtPicture(path="", sha256=one * 64) for one in "abc"],
)  # fmt: skip


def test_a_run_whose_pictures_changed_is_refused_in_words(base: Any, tmp_path: Path) -> None:
    made = fingerprint.taken(recipe(), [SUBJECT], "base")
    keeping = {"extra": lambda: {"fingerprint": fingerprint.packed(made)}}
    run = Run(tmp_path, base, recipe(), 1, keeping=keeping).fit()
    kept = fingerprint.unpacked(run.last.extra["fingerprint"])
    assert fingerprint.compare(kept, made) == []
    other = structs.replace(SUBJECT, pictures=SUBJECT.pictures[:2])
    now = fingerprint.taken(recipe(seed=12), [other], "base")
    with pytest.raises(JobError) as caught:
        fingerprint.compare(kept, now)
    assert caught.value.name == "resume_mismatch"
    assert caught.value.params["changes"] == "seed: 11 → 12; subject 1: pictures gone: 1"
    assert len(fingerprint.compare(kept, now, allowed=True)) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
def test_what_scales_losses_of_half_precision_survives_a_resume(base: Any, tmp_path: Path) -> None:
    def run(folder: str, **stop: int) -> Run:
        wanted = recipe(precision="float16", deterministic=True)
        made = Run(tmp_path / folder, base, wanted, STEPS, **stop)
        device = torch.device("cuda", 0)
        made.trial.method.trainable.to(device)
        made.trial.setup = dataclasses.replace(made.trial.setup, device=device)
        return made.fit()

    never = run("never")
    first = run("stopped", stop=3)
    assert first.last.extra["scaler"]["_growth_tracker"] == 3
    second = run("stopped")
    assert second.last.extra["scaler"] == never.last.extra["scaler"]
    assert first.losses + second.losses == pytest.approx(never.losses, rel=1e-3)
