"""ControlNets on a full device: their memory is learned for each set, and they make way too."""

import warnings
from typing import Any

import pytest
import torch

from core.engine.context import Job
from core.engine.diffusion.control import Use
from core.engine.diffusion.sampler import SamplingLoop, _need
from core.engine.values import ControlNet
from tests.engine.budget import BudgetDevice
from tests.engine.tiny import SIZE, Tiny, floor, write_controlnet

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> ControlNet:
    folder = tmp_path_factory.mktemp("nets") / "edges"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_controlnet(folder)
    return ControlNet(identity="edges", path=str(folder), family="sd1")


def use(module: Any) -> Use:
    source = torch.Generator().manual_seed(1)
    return Use(module, "edges", torch.rand((1, 3, SIZE, SIZE), generator=source))


def test_denoiser_and_nets_are_offloaded_together_and_the_picture_stays(
    tiny: Tiny, net: ControlNet
) -> None:
    device = BudgetDevice(1 << 30)
    engine = floor(device)
    loop, job, told = SamplingLoop(engine), Job("job"), list[str]()
    with (
        engine.residency.use(tiny.model, job) as network,
        engine.residency.use(net, job) as steering,
    ):
        spec: dict[str, Any] = {"network": network, "seed": 3, "steps": 2}
        expected = loop.sample([tiny.row(**spec, controls=[use(steering)])])[0]
        working = engine.reserve.expect(_need([tiny.row(**spec, controls=[use(steering)])]))
        assert working > 0
        device.budget.limit = device.budget.live + working // 2
        row = tiny.row(
            **spec, controls=[use(steering)], on_rung=lambda rung, shortage: told.append(rung)
        )
        latents = loop.sample([row])[0]
        assert told == ["offload"]
        assert all("_offloaded" in module.__dict__ for module in (network, steering))
        assert (latents - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert not any("_offloaded" in module.__dict__ for module in (network, steering))


def test_a_set_of_nets_has_memory_and_widths_of_its_own(tiny: Tiny) -> None:
    class Net(torch.nn.Module):
        config: Any = None

    nets = [Use(Net(), name, torch.zeros(1, 3, SIZE, SIZE)) for name in ("a", "b")]
    sets = [[], nets[:1], nets[1:], nets, nets[::-1]]
    rows = [tiny.row(controls=controls) for controls in sets]
    assert len({_need([row]) for row in rows}) == len(sets)
    assert len({row.kind for row in rows}) == len(sets)
