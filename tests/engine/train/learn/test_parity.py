"""Parity: the losses that diffusers' unmodified ``train_dreambooth.py`` logged, step by step."""

from itertools import islice
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.train.feed.draws import PeerOrder
from core.engine.train.methods import Group, prepared
from core.records.recipe import Recipe
from tests.engine.train.bases import SUBJECT, opened
from tests.engine.train.peer import DATA, Peer, recorded, told
from tests.engine.train.runs import Trial

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FOLDER = DATA / "tiny-sd"
TOLERANCE = 1e-5  # between processors; on a like one it is below 1e-6


def ours(forwards: int, **fields: Any) -> Trial:
    """Run on the very pictures, in the script's order, with its settings."""
    peer = told()
    base, pictures = opened(FOLDER, "sd1"), recorded()
    order = PeerOrder(peer["seed"], max(len(one) for one in pictures))
    recipe = Recipe(
        method="full", prior="images", prior_weight=peer["prior_loss_weight"],
        clip=peer["max_grad_norm"], precision="float32", seed=peer["seed"],
    )  # fmt: skip
    recipe = structs.replace(recipe, **fields)
    method = prepared(base, recipe, [SUBJECT])
    # In the script everything decays, and all has one rate.
    everything = [one for group in method.groups for one in group.params]
    method.groups = [Group("unet", everything, peer["learning_rate"], True)]
    run = Trial(
        base, recipe, forwards // recipe.accumulate, method=method, draws=order, pictures=pictures,
        streams=(order, order), prompts=(peer["instance_prompt"], peer["class_prompt"]),
    )  # fmt: skip
    assert run.fit() == forwards // recipe.accumulate
    return run


def theirs(forwards: int, **changes: Any) -> list[float]:
    peer = told()
    prompts = peer["instance_prompt"], peer["class_prompt"]
    with torch.random.fork_rng():
        plain = Peer(FOLDER, recorded(), prompts, lr=peer["learning_rate"], **changes)
        return list(islice(plain.losses(peer["seed"]), forwards))


def test_losses_are_those_that_the_script_logged() -> None:
    wanted = [loss for _, loss in told()["losses"]]
    assert ours(len(wanted)).losses == pytest.approx(wanted, abs=TOLERANCE, rel=0)


def test_the_plain_loop_loses_what_the_script_logged() -> None:
    wanted = [loss for _, loss in told()["losses"]]
    assert theirs(len(wanted)) == pytest.approx(wanted, abs=TOLERANCE, rel=0)


def test_a_larger_batch_with_its_text_encoder_loses_what_the_plain_loop_does() -> None:
    made = ours(9, batch=2, train_text_encoder=True)
    wanted = theirs(9, batch=2, text=True)
    assert made.losses == pytest.approx(wanted, abs=TOLERANCE, rel=0)


def test_accumulated_forwards_lose_what_the_plain_loop_does() -> None:
    wanted = theirs(12, accumulate=2)
    means = [(one + other) / 2 for one, other in zip(wanted[::2], wanted[1::2], strict=True)]
    assert ours(12, accumulate=2).losses == pytest.approx(means, abs=TOLERANCE, rel=0)
