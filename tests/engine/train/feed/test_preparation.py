"""Preparation: from files to the losses of a forward, for each family, method and prior."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.train.feed.draws import Counter, Place
from core.engine.train.feed.examples import Examples
from core.engine.train.feed.preparation import kit_of, prepared
from core.engine.train.feed.prior import Drawing
from core.engine.train.learn.objective import Objective
from core.engine.train.learn.teaching import Losses, Teaching
from core.engine.train.methods import prepared as taught
from core.records.recipe import Recipe
from tests.engine.train.bases import opened, written
from tests.engine.train.taught import Painter, pictures, recipe, subject

CPU = torch.device("cpu")
FAMILY = ["sd1", "sdxl", "flux", "sd3"]


@pytest.fixture(scope="module", params=FAMILY)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("base") / request.param, request.param)


def fed(folder: Path, tmp_path: Path, fields: Recipe) -> tuple[Examples, Any, Teaching]:
    """Prepare a run of one subject as its engine does."""
    base = opened(folder, folder.name)
    some = [subject(pictures(tmp_path, (96, 64), (64, 64)))]
    method = taught(base, fields, some)
    changed = {part: one for part, one in method.encoders.items() if one is not base.encoders[part]}
    kit = kit_of(
        base, tmp_path / "cache", "vae",
        trained=changed, drawing=Drawing(Painter(), "base", "ddim"),
    )  # fmt: skip
    examples = prepared(fields, some, kit)
    objective = Objective(base.scheduler_config, fields, flow=base.family.flow is not None)
    return examples, method, Teaching(base, method, objective, fields, Counter(1), CPU)


def lost(examples: Examples, teaching: Teaching) -> Losses:
    batch = examples.batch([0], [0], Place(0))
    return teaching.losses(batch, Place(0))


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("prior", ["images", "live", "self_distill"])
def test_every_family_learns_beside_every_prior(folder: Path, tmp_path: Path, prior: str) -> None:
    fields = recipe(
        prior=prior, num_class_images=2, method="lora", rank=2, train_text_encoder=False
    )
    examples, method, teaching = fed(folder, tmp_path, fields)
    losses = lost(examples, teaching)
    assert losses.prior is not None and torch.isfinite(losses.loss)
    losses.loss.backward()  # type: ignore[no-untyped-call]  # torch's
    assert any(one.grad is not None for one in method.trainable.parameters())


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", ["embedding", "pivotal", "lora", "full"])
def test_what_the_base_says_of_the_class_is_the_target_whatever_is_trained(
    tmp_path: Path, method: str
) -> None:
    """Before the first step both say the same, so nothing is lost; the base knows no new token."""
    folder = written(tmp_path / "sdxl", "sdxl")
    fields = recipe(prior="self_distill", method=method, rank=2, train_text_encoder=True)
    examples, _, teaching = fed(folder, tmp_path, fields)
    losses = lost(examples, teaching)
    assert losses.prior is not None and losses.prior.item() < 1e-10
    assert losses.instance.item() > 1e-3
