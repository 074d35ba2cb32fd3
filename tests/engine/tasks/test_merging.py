"""LoRAs merged into a checkpoint: the numbers that a picture is drawn with, and the picture."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.adapters.merge import adapt
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import vae
from core.errors import ModelUnreadable
from tests.engine import adapter_files
from tests.engine.tasks.conftest import Command
from tests.engine.tasks.test_convert import run, weights
from tests.engine.tiny import Tiny, floor

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]


@pytest.fixture(scope="session")
def tiny(written: Path) -> Tiny:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Tiny(written)


def drawn(tiny: Tiny, network: Any = None, encoder: Any = None) -> torch.Tensor:
    """Draw (1, 3, H, W) in [0, 1], with other networks than the model's own if given."""
    loop = SamplingLoop(floor())  # type: ignore[arg-type]
    own, tiny.encoder = tiny.encoder, encoder or tiny.encoder
    row = tiny.row(network=network or tiny.network, steps=3)
    tiny.encoder = own
    with torch.inference_mode():
        (latents,) = loop.sample([row])
        return vae.decode(tiny.autoencoder, latents)


def test_a_merged_checkpoint_has_the_weights_of_base_and_lora_together(
    folder: Path, command: Command, tiny: Tiny, tmp_path: Path
) -> None:
    uses = [(adapter_files.kohya(tiny), 0.8), (adapter_files.peft(tiny, seed=9), -0.5)]
    files = [
        Path(adapter_files.write(tmp_path, f"lora{n}", tensors).path)
        for n, (tensors, _) in enumerate(uses)
    ]
    loras = [{"model": str(f), "weight": w} for f, (_, w) in zip(files, uses, strict=True)]
    made = run(command(folder, *files, loras=loras, dtype="float32"))
    adapters = tuple((str(f), str(f), w) for f, (_, w) in zip(files, uses, strict=True))
    handle = {"adapters": adapters}
    merged = weights(made)
    for part, folder_name in ((tiny.model, "unet"), (tiny.text_encoder, "text_encoder")):
        base = tiny.network if folder_name == "unet" else tiny.encoder
        expected = dict(adapt(structs.replace(part, **handle), base).module.named_parameters())
        usual = {k.removeprefix("text_model."): v for k, v in merged[folder_name].items()}
        named = {k.removeprefix("text_model."): v for k, v in expected.items()}
        changed = 0
        for name, tensor in named.items():
            assert torch.equal(usual[name], tensor), name
        before = {k.removeprefix("text_model."): v for k, v in base.state_dict().items()}
        changed = sum(not torch.equal(usual[k], v) for k, v in before.items() if k in usual)
        assert changed >= 3, folder_name


def test_a_merged_checkpoint_draws_what_base_and_lora_draw(
    folder: Path, command: Command, tiny: Tiny, tmp_path: Path
) -> None:
    file = Path(adapter_files.write(tmp_path, "lora", adapter_files.kohya(tiny)).path)
    made = Tiny(run(command(folder, file, loras=[{"model": str(file), "weight": 0.7}])))
    on = {"adapters": ((str(file), str(file), 0.7),)}
    network = adapt(structs.replace(tiny.model, **on), tiny.network).module
    encoder = adapt(structs.replace(tiny.text_encoder, **on), tiny.encoder).module
    object.__setattr__(encoder, "tokenizer", tiny.encoder.tokenizer)
    expected = drawn(tiny, network, encoder)
    assert (drawn(made) - expected).abs().max() <= 1 / 255
    assert (drawn(tiny) - expected).abs().max() > 2 / 255, "the LoRA is seen at all"


def test_merging_into_half_precision_rounds_once(
    folder: Path, command: Command, tiny: Tiny, tmp_path: Path
) -> None:
    file = Path(adapter_files.write(tmp_path, "lora", adapter_files.kohya(tiny)).path)
    loras = [{"model": str(file), "weight": 1.0}]
    exact = weights(run(command(folder, file, loras=loras, dtype="float32")))
    half = weights(run(command(folder, file, loras=loras, dtype="float16", job="K")))
    assert all(torch.equal(half["unet"][k], v.half()) for k, v in exact["unet"].items())
    kept = run(command(run(command(folder, dtype="float16", job="L")), file, loras=loras, job="M"))
    assert {tensor.dtype for tensor in weights(kept)["unet"].values()} == {torch.float16}


def test_a_lora_for_other_networks_is_refused_and_nothing_is_left(
    folder: Path, command: Command, tmp_path: Path
) -> None:
    tensors = {
        "lora_unet_no_such_layer.lora_down.weight": torch.ones(4, 8),
        "lora_unet_no_such_layer.lora_up.weight": torch.ones(8, 4),
    }
    file = Path(adapter_files.write(tmp_path, "lora", tensors).path)
    wanted = command(folder, file, loras=[{"model": str(file)}])
    with pytest.raises(ModelUnreadable) as caught:
        run(wanted)
    assert caught.value.name == "adapter_misfit"
    assert list(Path(wanted.folder).iterdir()) == []
