"""Tiers of speed on a card: the same latents to rounding, moved and adapted as the plain ones are.

What the tiers are made of is looked at on the processor by ``tests/engine/test_speed.py``.
"""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.loader import LazyLoader
from core.engine.residency import Residency
from core.engine.speed import Speed
from core.engine.values import Model
from core.paths import shipped
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import with_adapters
from tests.engine.adapters.test_starter_adapters import tensors
from tests.engine.tiny import Tiny
from tests.gpu.test_memory import Asker

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
CLOSE = 1e-4  # of the largest number: kernels of a card sum in other orders


@torch.inference_mode()
def predicted(card: torch.device, tier: Speed, handle: Any, offload: bool = False) -> torch.Tensor:
    """Let a network predict on two rows, then on one after it was away."""
    residency = Residency(Device(str(card), "float32"), Baton(), LazyLoader(), tier=tier)
    with residency.use(handle, Asker()) as network:
        config = network.config
        source = torch.Generator().manual_seed(0)
        given = torch.randn((2, config.in_channels, 8, 8), generator=source).to(card)
        words = torch.randn((2, 16, config.cross_attention_dim), generator=source).to(card)
        time = torch.tensor([500, 20], device=card)
        if offload:
            assert residency.offload(network)
        made: torch.Tensor = network(given, time, encoder_hidden_states=words)[0]
        again = network(given[:1], time[:1], encoder_hidden_states=words[:1])[0]
    return torch.cat([made, again]).cpu()


@pytest.mark.parametrize("tier", ["fused", "compiled"])
@pytest.mark.parametrize("offload", [False, True])
@pytest.mark.parametrize("adapted", [False, True])
def test_a_tier_predicts_what_plain_does(
    card: torch.device, tmp_path: Path, tier: Speed, offload: bool, adapted: bool
) -> None:
    handle: Any = Model(identity="starter", path=str(shipped("starter")), family="sd1")
    if adapted:
        ink = files.write(tmp_path, "ink", tensors(Tiny(shipped("starter"))))
        handle = with_adapters(handle, (ink, 0.7))
    expected = predicted(card, "plain", handle)
    made = predicted(card, tier, handle, offload)
    assert (made - expected).abs().max() <= CLOSE * expected.abs().max()
