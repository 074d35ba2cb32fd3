"""Parity: the losses that diffusers' unmodified ``train_dreambooth.py`` logged, step by step."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from core.engine.train.draws import PeerOrder
from core.records.recipe import Recipe
from tests.engine.train.runs import Full, Trial, base_of

DATA = Path(__file__).parents[2] / "data/parity"
TOLERANCE = 1e-5  # between processors; on a like one it is below 1e-6


def pictures(folder: str, names: list[str]) -> torch.Tensor:
    made = []
    for name in names:
        with Image.open(DATA / folder / name) as picture:
            data = torch.frombuffer(bytearray(picture.convert("RGB").tobytes()), dtype=torch.uint8)
            made.append(data.view(picture.height, picture.width, 3).permute(2, 0, 1))
    return torch.stack(made).float() / 255 * 2 - 1


def told() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DATA / "peer_losses.json").read_text("utf-8"))
    return made


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_losses_are_those_of_diffusers_script() -> None:
    peer = told()
    names = peer["listing_order"]
    some = pictures("inst", names["instance"]), pictures("cls", names["class"])
    base = base_of(DATA / "tiny-sd")
    order = PeerOrder(peer["seed"], max(len(one) for one in some))
    recipe = Recipe(
        method="full", prior="images", prior_weight=peer["prior_loss_weight"],
        clip=peer["max_grad_norm"], precision="float32", seed=peer["seed"],
    )  # fmt: skip
    run = Trial(
        base, recipe, len(peer["losses"]), draws=order, pictures=some, streams=(order, order),
        prompts=(peer["instance_prompt"], peer["class_prompt"]),
        method=Full(base, peer["learning_rate"]),
    )  # fmt: skip
    assert run.fit() == 18
    apart = [
        abs(point.loss - loss) for point, (_, loss) in zip(run.points, peer["losses"], strict=True)
    ]
    assert max(apart) < TOLERANCE, apart
