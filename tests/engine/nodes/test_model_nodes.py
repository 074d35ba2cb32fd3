"""Checkpoints from files, and with parts of their own: the picture is that of the folder."""

import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from core.engine.context import Context
from core.engine.models.families import FAMILIES
from core.engine.nodes.latent import LatentDecode, LatentEmpty, LatentSample
from core.engine.nodes.model import ModelLoad
from core.engine.nodes.prompt import PromptEncode
from core.errors import Invalid, ModelUnreadable
from core.graph.catalogue import Resource
from core.library.scan import examine
from tests.engine.bench import Bench
from tests.engine.models import original_folders, originals, packing
from tests.engine.models.originals import Tensors

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


class Shelf:
    """A checkpoint as a folder, as a file, and in pieces."""

    def __init__(self, root: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.folder = originals.write_sd(root / "folder", "sd1")
            self.tensors: Tensors = originals.sd_tensors(self.folder, "sd1")
        self.root = root
        self.bench = Bench(SimpleNamespace(folder=self.folder, family="sd1"), root)  # type: ignore[arg-type]  # all it asks

    def some(self, name: str, start: str, change: float = 0) -> Path:
        tensors = {
            key.removeprefix(start): one + change
            for key, one in self.tensors.items()
            if key.startswith(start)
        }
        return originals.write(self.root / f"{name}.safetensors", tensors)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("shelf"))
    yield made
    made.bench.outbox.drain(5)


def of(path: Path, kind: str = "checkpoint", family: str = "sd1", **more: Any) -> Resource:
    packed = path.suffix == ".gguf"
    layout = "gguf" if packed else "single" if path.is_file() else "diffusers"
    return Resource(
        id=path.stem, kind=kind, path=str(path), identity=f"hash of {path}", family=family,
        name=path.stem, **{"format": layout, **more},
    )  # fmt: skip


def drawn(shelf: Shelf, *found: Resource, **named: str) -> torch.Tensor:
    """Draw a picture: (1, 3, H, W)."""
    ctx: Context = shelf.bench.context(found[0].name, *found)
    with torch.inference_mode():
        parts = ModelLoad(**{"checkpoint": found[0].name} | named).run(ctx)
        words = [PromptEncode(prompt=text).run(ctx, parts.text_encoder) for text in ("a fox", "")]
        latent = LatentEmpty(width=32, height=32).run(ctx, parts.vae)
        sample = LatentSample(seed=3, steps=3, sampler="euler")
        made = sample.run(ctx, parts.model, words[0], latent, words[1])
        return LatentDecode().run(ctx, parts.vae, made).pixels


def test_a_file_draws_what_its_folder_does(shelf: Shelf) -> None:
    file = originals.write(shelf.root / "whole.safetensors", shelf.tensors)
    assert torch.equal(drawn(shelf, of(file)), drawn(shelf, of(shelf.folder)))


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() & original_folders.FAMILIES))
def test_a_file_of_each_family_draws_what_its_folder_does(
    shelf: Shelf, tmp_path: Path, family: str
) -> None:
    tensors = original_folders.write(tmp_path / "folder", family)
    file = originals.write(tmp_path / f"{family}.safetensors", tensors)
    assert examine(file) is not None
    made = drawn(shelf, of(file, family=family))
    assert made.isfinite().all() and made.std() > 0
    # Matrices are multiplied in another order where they lie at other addresses.
    expected = drawn(shelf, of(tmp_path / "folder", family=family))
    assert torch.allclose(made, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", sorted(FAMILIES.keys() & {"flux", "sd3"}))
def test_packed_networks_with_parts_beside_them_draw_nearly_what_the_whole_does(
    shelf: Shelf, tmp_path: Path, family: str
) -> None:
    tensors = original_folders.write(tmp_path / "folder", family)

    def some(name: str, start: str) -> Path:
        own = {
            key.removeprefix(start): one for key, one in tensors.items() if key.startswith(start)
        }
        return originals.write(tmp_path / f"{name}.safetensors", own)

    names = {"flux": {}, "sd3": {"text_encoder_2": "text_encoders.clip_g.transformer."}}[family]
    names |= {"text_encoder": "text_encoders.clip_l.transformer."}
    files = {part: some(part, start) for part, start in names.items()}
    start = "model.diffusion_model."
    network = {name.removeprefix(start): one for name, one in tensors.items() if start in name}
    last = "text_encoder_2" if family == "flux" else "text_encoder_3"
    start = "text_encoders.t5xxl.transformer."
    t5 = {
        packing.named(name.removeprefix(start)): one
        for name, one in tensors.items()
        if name.startswith(start)
    }
    files[last] = packing.write(tmp_path / "t5.gguf", t5, "Q8_0")
    vae = some("vae", "vae." if family == "flux" else "first_stage_model.")
    whole = drawn(shelf, of(tmp_path / "folder", family=family))
    model = packing.write(tmp_path / "small.gguf", network, "Q8_0")
    made = drawn(
        shelf, of(model, family=family), of(vae, "vae", ""),
        *(of(file, "text_encoder", "") for file in files.values()),
        vae="vae", **{part: file.stem for part, file in files.items()},
    )  # fmt: skip
    assert (made - whole).abs().mean() < 0.05 * whole.std()
    assert not torch.equal(made, whole)


def test_parts_in_files_of_their_own_draw_what_the_whole_does(shelf: Shelf) -> None:
    denoiser = shelf.some("denoiser", "model.diffusion_model.")
    vae = shelf.some("vae", "first_stage_model.")
    words = shelf.some("words", "cond_stage_model.transformer.")
    made = drawn(
        shelf, of(denoiser), of(vae, "vae", "unknown"), of(words, "text_encoder"),
        vae="vae", text_encoder="words",
    )  # fmt: skip
    assert torch.equal(made, drawn(shelf, of(shelf.folder)))


def test_another_autoencoder_changes_the_picture_and_nothing_is_read_twice(shelf: Shelf) -> None:
    plain = drawn(shelf, of(shelf.folder))
    other = of(shelf.some("other", "first_stage_model.", change=0.01), "vae")
    whole = originals.write(shelf.root / "again.safetensors", shelf.tensors)
    made = drawn(shelf, of(shelf.folder), other, vae="other")
    assert not torch.equal(made, plain)
    assert torch.equal(drawn(shelf, of(whole), other, vae="other"), made)
    held = [
        handle for handle in shelf.bench.engine.residency._parts
        if handle.identity == other.identity
    ]  # fmt: skip
    assert len(held) == 1  # of two checkpoints


def test_a_checkpoint_without_a_part_says_which(shelf: Shelf) -> None:
    denoiser = of(shelf.some("bare", "model.diffusion_model."))
    with pytest.raises(ModelUnreadable, match="model_part_missing") as refused:
        drawn(shelf, denoiser)
    assert refused.value.params["part"] == "text_encoder"


@pytest.mark.parametrize(
    ("part", "family", "code"),
    [("text_encoder_2", "sd1", "model_part_unused"), ("vae", "sdxl", "model_wrong_family")],
)
def test_parts_that_do_not_fit_are_refused(shelf: Shelf, part: str, family: str, code: str) -> None:
    file = shelf.some("odd", "first_stage_model.")
    kind = "vae" if part == "vae" else "text_encoder"
    with pytest.raises(Invalid, match=code):
        drawn(shelf, of(shelf.folder), of(file, kind, family), **{part: "odd"})


def test_an_autoencoder_of_other_channels_is_refused(shelf: Shelf) -> None:
    from diffusers import AutoencoderKL

    wide = AutoencoderKL(
        block_out_channels=(32, 64), latent_channels=16,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    wide.save_pretrained(shelf.root / "wide")
    with pytest.raises(Invalid, match="vae_misfit") as refused:
        drawn(shelf, of(shelf.folder), of(shelf.root / "wide", "vae", "unknown"), vae="wide")
    assert refused.value.params == {"name": "wide", "channels": 16, "wanted": 4}


def test_a_file_that_changed_since_it_was_looked_up_ends_its_job(shelf: Shelf) -> None:
    file = originals.write(shelf.root / "moving.safetensors", shelf.tensors)
    with pytest.raises(ModelUnreadable, match="model_changed"):
        drawn(shelf, of(file, stamp=(file.stat().st_size, 1)))
