"""Smaller weights: half the bytes, nearly the picture, and a clear word where it cannot be."""

import copy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.adapters import merge
from core.engine.models import load, quantize
from core.errors import ModelUnreadable
from tests.engine import adapter_files
from tests.engine.tiny import Tiny

pytestmark = pytest.mark.timeout(120)


def size(module: torch.nn.Module) -> int:
    return sum(one.nbytes for one in module.parameters())


def drawn(tiny: Tiny, module: Any) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    dtype = next(module.parameters()).dtype
    latents = torch.randn(tiny.shape(), generator=generator).to(dtype)
    words = torch.randn((1, 16, 24), generator=generator).to(dtype)
    with torch.inference_mode():
        made = module(latents, torch.tensor([500.0]), words).sample
    assert isinstance(made, torch.Tensor)
    return made.float()


def test_weights_of_8_bits_take_half_and_draw_nearly_the_same(tiny: Tiny) -> None:
    plain = load.load(tiny.model, torch.bfloat16)
    narrow = load.load(tiny.model, torch.bfloat16, "fp8")
    large = [one for name, one in plain.named_parameters() if one.ndim > 1]
    assert size(narrow) < size(plain) - 0.45 * sum(one.nbytes for one in large) * 0.9
    assert any(one.dtype == quantize.FP8 for one in narrow.parameters())
    assert next(narrow.parameters()).dtype == torch.bfloat16
    before, after = drawn(tiny, plain), drawn(tiny, narrow)
    assert (before - after).abs().mean() < 0.1 * before.abs().mean()
    assert not torch.equal(before, after)


def test_it_is_what_diffusers_gives(tiny: Tiny) -> None:
    """Where both keep the same layers in 8 bits."""
    kept = ("norm", "pos_embed", "^conv_in", "^conv_out", "^time_embedding")
    theirs: Any = load.load(tiny.model, torch.float32)
    theirs.enable_layerwise_casting(
        storage_dtype=quantize.FP8, compute_dtype=torch.float32, skip_modules_pattern=kept
    )
    ours = load.load(tiny.model, torch.float32, "fp8")
    assert torch.allclose(drawn(tiny, ours), drawn(tiny, theirs), atol=2e-2)


def test_only_denoisers_become_smaller(tiny: Tiny) -> None:
    for handle in (tiny.vae, tiny.text_encoder):
        module = load.load(handle, torch.float32, "fp8")
        assert {one.dtype for one in module.parameters()} == {torch.float32}
        assert load.size(handle, torch.float32, "fp8") == load.size(handle, torch.float32)
    assert load.size(tiny.model, torch.float32, "fp8") == load.size(tiny.model, torch.float32) // 4


def test_a_smaller_network_may_be_copied_and_moved(tiny: Tiny) -> None:
    module = load.load(tiny.model, torch.float32, "fp8")
    expected = drawn(tiny, module)
    assert torch.equal(drawn(tiny, copy.deepcopy(module).to("cpu")), expected)


@pytest.mark.parametrize("kind", ["nf4", "int8"])
@pytest.mark.parametrize("cuda", [True, False])
def test_what_needs_cuda_and_its_library_is_refused_without(
    tiny: Tiny, kind: Any, cuda: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    absent: ModuleType | None = None
    monkeypatch.setitem(sys.modules, "bitsandbytes", absent)  # type: ignore[arg-type]  # none
    with pytest.raises(ModelUnreadable, match="quantize_unsupported") as refused:
        load.load(tiny.model, torch.float32, kind, cuda)
    wanted = "bitsandbytes" if cuda else "CUDA"
    assert refused.value.params == {"model": "tiny", "quantize": kind, "reason": wanted}
    assert load.load(tiny.vae, torch.float32, kind, cuda) is not None


def test_adapters_are_merged_in_full_where_weights_have_8_bits(tiny: Tiny, tmp_path: Path) -> None:
    """The changed layers are those of the plain network with the adapter, but for rounding."""
    found = adapter_files.write(tmp_path, "some", adapter_files.kohya(tiny, words=False))
    handle = structs.replace(tiny.model, adapters=((found.identity, found.path, 1.0),))
    narrow = load.load(tiny.model, torch.float32, "fp8")
    made = merge.adapt(handle, narrow)
    expected = merge.adapt(handle, load.load(tiny.model, torch.float32)).module
    for name in adapter_files.LAYERS:
        ours = adapter_files.weight(made.module, name)
        assert ours.dtype == torch.float32
        difference = ours - adapter_files.weight(expected, name)
        assert difference.abs().max() < 0.05 * adapter_files.weight(expected, name).abs().max()
    before = drawn(tiny, narrow)
    with_it = drawn(tiny, made.module)
    assert not torch.equal(with_it, before)
    lost = (before - drawn(tiny, load.load(tiny.model, torch.float32))).abs().mean()
    assert (with_it - drawn(tiny, expected)).abs().mean() < 2 * lost
    assert torch.equal(drawn(tiny, narrow), before)
