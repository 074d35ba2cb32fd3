"""Weights that pass the buffers arrive whole, laid out as they were, in pieces of any size."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from core.engine import staging
from core.engine.staging import Staging

RAM = torch.device("cpu")


@pytest.fixture(autouse=True)
def small_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_LEAST", 0)


@given(
    shape=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    size=st.integers(1, 64),
    dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.int8]),
)
def test_what_arrives_is_what_was_sent(shape: list[int], size: int, dtype: torch.dtype) -> None:
    sent = (torch.rand(shape) * 100).to(dtype)
    arrived = Staging(RAM, size, pin=False).moved(sent)
    assert torch.equal(arrived, sent)
    assert arrived.data_ptr() != sent.data_ptr()


def test_a_layout_with_channels_last_stays_one() -> None:
    sent = torch.rand((4, 3, 5, 5)).to(memory_format=torch.channels_last)
    arrived = Staging(RAM, 16, pin=False).moved(sent)
    assert torch.equal(arrived, sent)
    assert arrived.stride() == sent.stride()


@pytest.mark.parametrize("odd", [torch.rand((6, 4)).t(), torch.rand(9)[::2]])
def test_what_has_gaps_or_another_order_moves_as_torch_moves_it(odd: torch.Tensor) -> None:
    passing = Staging(RAM, 16, pin=False)
    assert passing.moved(odd) is odd
    assert passing._buffers == []


def test_a_module_is_moved_with_what_it_shares() -> None:
    shared = nn.Linear(8, 8)
    module = nn.Sequential(shared, shared, nn.BatchNorm1d(8)).eval()
    given = torch.rand((2, 8))
    expected = module(given)
    module._apply(Staging(RAM, 24, pin=False).moved)
    assert torch.equal(module(given), expected)
    assert module[0].weight is module[1].weight


def test_where_nothing_may_be_pinned_weights_move_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    passing = Staging(RAM, 16, pin=False)

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("cannot pin")

    with monkeypatch.context() as patched:
        patched.setattr(Staging, "_buffer", refuse)
        sent = torch.rand(64)
        assert torch.equal(passing.moved(sent), sent)
    assert "without pinned memory" in caplog.text
    assert torch.equal(passing.moved(sent), sent)
    assert caplog.text.count("cannot pin") == 1
