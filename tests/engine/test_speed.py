"""Tiers of speed: other arrangements of the same arithmetic, exact to rounding."""

import warnings
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

from core.engine import speed
from core.engine.adapters.merge import adapt
from core.engine.adapters.twin import twin
from core.engine.diffusion.control import Use
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import load, vae
from core.engine.speed import Speed
from core.engine.values import ControlNet
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import with_adapters
from tests.engine.tiny import SIZE, Tiny, floor, write_controlnet, write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch's, of what compiles it uses
    pytest.mark.timeout(120),
]

CPU = torch.device("cpu")
CLOSE = 1e-5  # of the largest number: what another order of sums may change in float32
TIERS = [
    "plain",
    "fused",
    pytest.param("compiled", marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(made)
    return made


@pytest.fixture(scope="module")
def plain(folder: Path) -> Tiny:
    return Tiny(folder)


@pytest.fixture(scope="module", params=TIERS)
def tier(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture(scope="module")
def quick(folder: Path, tier: Speed) -> Tiny:
    made = Tiny(folder)
    for one in (made.network, made.autoencoder, made.encoder):
        speed.prepare(one, tier, CPU)
        one.eval().requires_grad_(False)
    if tier == "compiled":
        compile_traced(made.network)
    return made


def compile_traced(network: nn.Module) -> None:
    """Compile blocks as on a card, but let the traced operations run as they are: in seconds.

    What a card makes of them is looked at in ``tests/gpu``.
    """
    speed.compile_blocks(network, backend="eager")


def close(one: torch.Tensor, other: torch.Tensor) -> bool:
    return bool((one - other).abs().max() <= CLOSE * other.abs().max())


def drawn(tiny: Tiny, **options: Any) -> torch.Tensor:
    (made,) = SamplingLoop(floor()).sample([tiny.row(steps=3, **options)])
    return made


def test_every_tier_has_a_test() -> None:
    named = [getattr(one, "values", (one,))[0] for one in TIERS]
    assert set(named) == set(get_args(Speed))


@torch.inference_mode()
def test_a_picture_is_the_same_to_rounding(plain: Tiny, quick: Tiny, tier: Speed) -> None:
    expected = drawn(plain)
    made = drawn(quick)
    assert torch.equal(made, expected) if tier == "plain" else close(made, expected)
    assert close(vae.decode(quick.autoencoder, made), vae.decode(plain.autoencoder, made))
    pixels = torch.rand((1, 3, SIZE, SIZE))
    assert close(vae.encode(quick.autoencoder, pixels), vae.encode(plain.autoencoder, pixels))


@torch.inference_mode()
def test_rows_of_other_sizes_and_widths_are_the_same_too(plain: Tiny, quick: Tiny) -> None:
    for size, count in ((SIZE, 3), (2 * SIZE, 1)):
        pairs = [
            SamplingLoop(floor()).sample(
                [one.row(steps=2, seed=seed, size=size) for seed in range(count)]
            )
            for one in (plain, quick)
        ]
        assert all(close(made, expected) for expected, made in zip(*pairs, strict=True))


@torch.inference_mode()
def test_adapters_work_in_every_tier(plain: Tiny, quick: Tiny, tmp_path: Path) -> None:
    ink = files.write(tmp_path, "ink", files.kohya(plain, words=False))
    handle = with_adapters(plain.model, (ink, 1.0))
    expected = drawn(plain, network=adapt(handle, plain.network).module)
    before = drawn(quick)
    made = adapt(handle, quick.network)
    made.module.eval().requires_grad_(False)
    if _compiled(quick.network):
        compile_traced(made.module)
        assert len(_compiled(made.module)) == len(_compiled(quick.network))
    assert close(drawn(quick, network=made.module), expected)
    assert not close(expected, drawn(plain))  # the adapter is seen indeed
    assert torch.equal(drawn(quick), before)


@torch.inference_mode()
def test_controlnets_work_in_every_tier(
    plain: Tiny, quick: Tiny, tier: Speed, tmp_path: Path
) -> None:
    write_controlnet(tmp_path / "net")
    handle = ControlNet(identity="net", path=str(tmp_path / "net"), family="sd1")
    picture = torch.rand((1, 3, SIZE, SIZE))
    latents = []
    for tiny, how in ((plain, "plain"), (quick, tier)):
        net = load.load(handle, torch.float32)
        speed.prepare(net, how, CPU)  # type: ignore[arg-type]
        latents.append(drawn(tiny, controls=[Use(net, "net", picture)]))
    assert close(latents[1], latents[0])


def test_who_watches_is_told_of_every_block_that_is_compiled() -> None:
    told: list[int] = []
    speed.watch(lambda: told.append(1))
    network = Repeating(Block())
    compile_traced(network)
    assert told == []
    network(torch.ones((1, 4)))
    assert len(told) >= 2


def _compiled(network: nn.Module) -> list[nn.Module]:
    return [one for one in network.modules() if one._compiled_call_impl is not None]


class Block(nn.Module):
    """One of those that a network repeats."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 4)

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.inner(given)
        return made


class Repeating(nn.Sequential):
    _repeated_blocks = ("Block",)


def compiled() -> Repeating:
    """Make a network whose blocks say when they run compiled."""
    made = Repeating(Block(), Block())
    for block in made:
        block._compiled_call_impl = lambda given: given * 0
    return made


def test_what_is_compiled_steps_aside_while_hooks_are_at_work() -> None:
    network, given = compiled(), torch.ones((1, 4))
    assert not network(given).any()
    speed.eager(network)
    assert network(given).any()
    speed.quick(network)
    assert not network(given).any()


@torch.inference_mode()
@pytest.mark.parametrize("aside", [False, True])
def test_a_twin_never_runs_what_was_compiled_of_the_other(aside: bool) -> None:
    network, given = compiled(), torch.ones((1, 4))
    if aside:
        speed.eager(network)
    made = twin(network, {"0.inner": {"bias": torch.full((4,), 100.0)}}).module
    speed.quick(made)
    assert _compiled(made) == []
    assert made(given).any()


@torch.inference_mode()
def test_fused_projections_change_with_those_they_are_of(plain: Tiny, folder: Path) -> None:
    fused = Tiny(folder).network
    speed.prepare(fused, "fused", CPU)
    name = next(n for n, _ in fused.named_modules() if n.endswith("attn1.to_q"))
    above = name.removesuffix("to_q")
    new = torch.randn_like(fused.get_submodule(name).weight)
    changes = speed.with_fused(fused, {name: {"weight": new}})
    assert set(changes) == {name, f"{above}to_qkv"}
    joined = changes[f"{above}to_qkv"]["weight"].chunk(3)
    assert torch.equal(joined[0], new)
    assert torch.equal(joined[1], fused.get_submodule(f"{above}to_k").weight)
    assert speed.with_fused(plain.network, {name: {"weight": new}}).keys() == {name}


def test_projections_whose_weights_are_no_plain_numbers_stay_as_they_are(folder: Path) -> None:
    network = Tiny(folder).network
    name = next(n for n, _ in network.named_modules() if n.endswith("attn1.to_q"))
    network.get_submodule(name).to(torch.float8_e4m3fn)
    speed.prepare(network, "fused", CPU)
    assert not any(n.endswith("to_qkv") for n, _ in network.named_modules())
