"""EMA: the running mean of weights, its use for a while, and going on with it."""

import pytest
import torch
from torch import nn

from core.engine.train.learn.ema import Ema


def net(value: float = 0.0) -> nn.Linear:
    made = nn.Linear(2, 2)
    for one in made.parameters():
        nn.init.constant_(one, value)
    return made


def test_a_mean_follows_what_the_weights_are() -> None:
    module = net()
    ema = Ema(module, 0.5)
    wanted = 0.0
    for step in range(1, 6):
        for one in module.parameters():
            nn.init.constant_(one, float(step))
        ema.update()
        decay = min(0.5, (1 + step) / (10 + step))
        wanted = decay * wanted + (1 - decay) * step
    for mean in ema.mean.values():
        assert torch.allclose(mean, torch.full_like(mean, wanted))


def test_the_mean_takes_the_weights_place_only_for_a_while() -> None:
    module = net(1.0)
    ema = Ema(module, 0.9)
    for one in module.parameters():
        nn.init.constant_(one, 3.0)
    with pytest.raises(RuntimeError, match="sampled"), ema.applied():
        assert all((one == 1).all() for one in module.parameters())
        raise RuntimeError("sampled")
    assert all((one == 3).all() for one in module.parameters())


def test_a_mean_goes_on_as_if_it_had_never_stopped() -> None:
    module = net()
    whole = Ema(module, 0.9)
    for value in (1.0, 2.0, 3.0):
        for one in module.parameters():
            nn.init.constant_(one, value)
        whole.update()
        if value == 2.0:
            gone_on = Ema(net(), 0.9)
            gone_on.load({name: mean.clone() for name, mean in whole.mean.items()}, whole.steps)
            gone_on._trained = module
        if value == 3.0:
            gone_on.update()
    assert all(torch.equal(whole.mean[name], gone_on.mean[name]) for name in whole.mean)


def test_a_mean_of_other_weights_is_refused() -> None:
    ema = Ema(net(), 0.9)
    with pytest.raises(KeyError):
        ema.load({}, 1)
    with pytest.raises(ValueError, match="shape"):
        ema.load({"weight": torch.zeros(3), "bias": torch.zeros(2)}, 1)
