"""GGUF: packed denoisers are read as what they were packed from, within what packing loses."""

import struct
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine.adapters.twin import twin
from core.engine.models import gguf, modules
from core.engine.models.gguf import GgufWeights
from core.engine.models.original.table import TABLE, facts
from core.errors import ModelUnreadable
from tests.engine.models import originals_flow, packing
from tests.engine.models.test_original_flow import run_flux

pytestmark = pytest.mark.timeout(240)
CLOSE = {"F32": 1e-6, "F16": 2e-3, "BF16": 2e-2, "Q8_0": 5e-2, "Q4_0": 0.5}


def read(path: Path, family: str = "flux", dtype: torch.dtype = torch.float32) -> Any:
    weights = GgufWeights(path, path.name)
    row, told = TABLE[family]["model"], facts(family)["model"]
    names = row.find(weights)
    config = row.config(row.named(weights.outlines(names), told), told)
    kinds = {"flux": "FluxTransformer2DModel", "sd3": "SD3Transformer2DModel"}
    named = row.named(weights.read(names, dtype), told)
    return gguf.module_of("diffusers", kinds[family], config, named, dtype).eval()


@pytest.fixture(scope="module")
def flux() -> Any:
    return originals_flow.tiny_flux().eval()


@pytest.mark.parametrize("kind", CLOSE)
def test_a_packed_flux_draws_as_the_one_that_was_packed(
    flux: Any, tmp_path: Path, kind: str
) -> None:
    path = packing.write(tmp_path / "small.gguf", originals_flow.flux(flux.state_dict()), kind)
    ours = read(path)
    with torch.inference_mode():
        expected, made = run_flux(flux), run_flux(ours)
    assert (made - expected).abs().max() <= CLOSE[kind] * expected.abs().max()
    assert ours.config.num_attention_heads == flux.config.num_attention_heads


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_layers_stay_packed_and_every_one_is_what_it_was(
    flux: Any, tmp_path: Path, kind: str
) -> None:
    path = packing.write(tmp_path / "small.gguf", originals_flow.flux(flux.state_dict()), kind)
    ours = read(path, dtype=torch.bfloat16)
    packed = [name for name, one in ours.named_parameters() if hasattr(one, "quant_type")]
    assert any("attn.to_q" in name for name in packed)
    assert any("proj_mlp" in name for name in packed)
    assert not any(name.startswith(("x_embedder", "time_text_embed")) for name in packed)
    assert next(ours.parameters()).dtype == torch.bfloat16
    bits = 1.1 if kind == "Q8_0" else 0.6
    expected = dict(flux.named_parameters())
    for name, one in ours.named_parameters():
        if name in packed:
            assert one.nbytes < bits * expected[name].numel()
        change = (gguf.dense(one.data if name not in packed else one) - expected[name]).abs().max()
        assert change <= (0.02 if kind == "Q8_0" else 0.15) * expected[name].abs().max() + 1e-2
    weights = GgufWeights(path, "small")
    taken = sum(one.nbytes for one in ours.parameters())
    assert 0.7 * taken < weights.bytes(weights.names, torch.bfloat16) < 1.15 * taken


def test_a_packed_stable_diffusion_3_is_read(tmp_path: Path) -> None:
    made = originals_flow.tiny_sd3().eval()
    path = packing.write(tmp_path / "small.gguf", originals_flow.sd3(made.state_dict()), "Q8_0")
    ours = read(path, "sd3")
    expected = made.state_dict()
    for name, one in ours.state_dict().items():
        assert (gguf.dense(one) - expected[name]).abs().max() <= 0.02 * expected[name].abs().max()


def test_a_packed_t5_reads_as_the_one_that_was_packed(tmp_path: Path) -> None:
    made = originals_flow.tiny_t5()
    tensors = {
        packing.named(name): one
        for name, one in made.state_dict().items()
        if "embed_tokens" not in name
    }
    path = packing.write(tmp_path / "t5.gguf", tensors, "Q8_0")
    weights = GgufWeights(path, path.name)
    row, told = TABLE["flux"]["text_encoder_2"], facts("flux")["text_encoder_2"]
    names = row.find(weights)
    config = row.config(row.named(weights.outlines(names), told), told)
    named = row.named(weights.read(names, torch.float32), told)
    ours: Any = gguf.module_of("transformers", "T5EncoderModel", config, named, torch.float32)
    packed = [name for name, one in ours.named_parameters() if hasattr(one, "quant_type")]
    assert len(packed) == 2 * 6  # all but what the encoder goes by
    ids = torch.tensor([[3, 9, 1712, 1]])
    with torch.inference_mode():
        a, b = ours.eval()(ids)[0], made(ids)[0]
    assert (a - b).abs().max() < 0.05 * b.abs().max()


def test_without_the_package_its_extra_is_told(
    flux: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = packing.write(tmp_path / "small.gguf", originals_flow.flux(flux.state_dict()), "F16")
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(ModelUnreadable, match="extra_missing") as refused:
        GgufWeights(path, "small.gguf")
    assert refused.value.params["extra"] == "gguf"


def test_a_file_that_was_cut_short_or_is_none_is_refused(flux: Any, tmp_path: Path) -> None:
    path = packing.write(tmp_path / "small.gguf", originals_flow.flux(flux.state_dict()), "Q8_0")
    whole = path.read_bytes()
    endless = b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"a" + struct.pack("<IIQ", 9, 0, 2**60)
    for content in (whole[:-1000], whole[:200], b"GGUF", b"", b"no model" * 10, endless):
        path.write_bytes(content)
        with pytest.raises(ModelUnreadable, match="model_unreadable"):
            GgufWeights(path, "small.gguf")


def test_missing_and_wrong_layers_are_refused(flux: Any, tmp_path: Path) -> None:
    tensors = originals_flow.flux(flux.state_dict())
    name = "double_blocks.1.img_mlp.0.weight"
    less = {key: one for key, one in tensors.items() if key != name}
    with pytest.raises((ValueError, KeyError)):
        read(packing.write(tmp_path / "less.gguf", less, "Q8_0"))
    other = {**tensors, name: tensors[name][:32]}
    with pytest.raises(ValueError, match="shape"):
        read(packing.write(tmp_path / "other.gguf", other, "Q8_0"))


def test_modules_are_filled_but_for_what_is_there_already() -> None:
    with torch.device("meta"):
        module = torch.nn.Linear(2, 2)
    with pytest.raises(ValueError, match="2 weights are missing"):
        modules.filled(module, {})


def test_a_twin_of_a_packed_network_has_plain_layers_where_they_differ(
    flux: Any, tmp_path: Path
) -> None:
    path = packing.write(tmp_path / "small.gguf", originals_flow.flux(flux.state_dict()), "Q8_0")
    ours = read(path)
    before = run_flux(ours)
    name = "transformer_blocks.0.attn.to_q"
    weight = gguf.dense(ours.get_submodule(name).weight)
    made = twin(ours, {name: {"weight": weight}}).module
    assert torch.allclose(run_flux(made), before, atol=1e-5)
    changed = twin(ours, {name: {"weight": weight * 3}}).module
    assert not torch.allclose(run_flux(changed), before, atol=1e-3)
    assert torch.equal(run_flux(ours), before)
