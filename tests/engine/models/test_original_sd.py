"""A checkpoint in one file is the one in a folder, part for part, and read without the rest."""

import subprocess
import sys
import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.models import load
from core.engine.models.families import FAMILIES
from core.engine.values import Model, Place, TextEncoder, Vae
from core.errors import ModelUnreadable
from core.library.scan import examine
from tests.engine.models import originals

pytestmark = pytest.mark.timeout(240)
KINDS = [Model, TextEncoder, Vae]


class Pair:
    """A folder and the file that holds the same."""

    def __init__(self, root: Path, family: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.folder = originals.write_sd(root / "folder", family)
            self.tensors = originals.sd_tensors(self.folder, family)
        self.file = originals.write(root / "file.safetensors", self.tensors)
        self.family = family

    def handle(self, kind: Any, path: Path | None = None, **fields: Any) -> Any:
        told = {"identity": "x", "path": str(path or self.file), "family": self.family}
        return kind(**{**told, "format": "single", **fields})

    def beside(self, kind: Any) -> Any:
        return self.handle(kind, self.folder, format="diffusers")


@pytest.fixture(scope="module", params=["sd1", "sd2"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("first"), "sd1")


def same(ours: torch.nn.Module, theirs: torch.nn.Module) -> bool:
    a, b = ours.state_dict(), theirs.state_dict()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def seen(kind: Any, module: Any) -> torch.Tensor:
    """Run a part, since heads and scales are in no weight."""
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        if kind is Model:
            drawn = torch.randn((1, 4, 8, 8), generator=generator)
            words = torch.randn((1, 77, 64), generator=generator)
            made = module(drawn, torch.tensor([500.0]), words).sample
        elif kind is Vae:
            made = module.decode(torch.randn((1, 4, 8, 8), generator=generator)).sample
            made = made * module.config.scaling_factor
        else:
            made = module(module.tokenizer("a red fox", return_tensors="pt").input_ids)[0]
    assert isinstance(made, torch.Tensor)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_the_file_is_the_folders(pair: Pair, kind: Any) -> None:
    ours = load.load(pair.handle(kind), torch.float32)
    theirs = load.load(pair.beside(kind), torch.float32)
    assert type(ours) is type(theirs)
    assert same(ours, theirs)
    assert torch.equal(seen(kind, ours), seen(kind, theirs))
    assert not any(one.requires_grad or one.is_meta for one in ours.parameters())
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_configurations_are_those_of_the_folder(pair: Pair, kind: Any) -> None:
    told = load.config_of(pair.beside(kind))
    ours = load.config_of(pair.handle(kind))
    for name, value in ours.items():
        given = told.get(name, value)
        assert (tuple(given) if isinstance(given, list) else given) == (
            tuple(value) if isinstance(value, list) else value
        ) or (kind is Model and name == "transformer_layers_per_block"), name
    if kind is Vae:
        assert load.latent_size(ours) == load.latent_size(told) == (4, 2)


def test_schedules_and_tokenizers_are_those_of_the_folder(pair: Pair) -> None:
    ours: Any = load.load(pair.handle(Model), torch.float32)
    assert ours.scheduler_config == load.scheduler_config(pair.beside(Model))
    text: Any = load.load(pair.handle(TextEncoder), torch.float32)
    theirs: Any = load.load(pair.beside(TextEncoder), torch.float32)
    for words in ("", "a photo of a cat", "Ünïcode, 日本語 & emoji 🦊!", "x " * 90):
        a, b = (
            one.tokenizer(words, padding="max_length", truncation=True) for one in (text, theirs)
        )
        assert a.input_ids == b.input_ids
        assert len(a.input_ids) == 77
    assert text.tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
def test_number_formats_are_turned_into_the_one_asked_for(
    first: Pair, tmp_path: Path, dtype: torch.dtype, stored: torch.dtype
) -> None:
    tensors = {name: one.to(stored) for name, one in first.tensors.items() if "first_st" in name}
    handle = first.handle(Vae, originals.write(tmp_path / "vae.safetensors", tensors))
    module = load.load(handle, dtype)
    assert {one.dtype for one in module.parameters()} == {dtype}
    assert load.size(handle, dtype) == sum(one.nbytes for one in module.parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_may_lie_in_a_file_of_its_own(first: Pair, tmp_path: Path, kind: Any) -> None:
    """By the names of the first release without a prefix, and by those of diffusers."""
    prefix = {
        Model: "model.diffusion_model.", TextEncoder: "cond_stage_model.transformer.",
        Vae: "first_stage_model.",
    }[kind]  # fmt: skip
    own = {
        name.removeprefix(prefix): one
        for name, one in first.tensors.items()
        if name.startswith(prefix)
    }
    folder = FAMILIES["sd1"].parts[first.handle(kind).part].folder
    bare = first.handle(kind, originals.write(tmp_path / "bare.safetensors", own))
    theirs = first.handle(kind, next((first.folder / folder).glob("*.safetensors")))
    expected = load.load(first.beside(kind), torch.float32)
    for handle in (bare, theirs):
        module = load.load(handle, torch.float32)
        assert same(module, expected)
        assert torch.equal(seen(kind, module), seen(kind, expected))


def test_a_part_may_be_taken_from_elsewhere(first: Pair, tmp_path: Path) -> None:
    other = {name: one + 1 for name, one in first.tensors.items() if name.startswith("first_st")}
    file = originals.write(tmp_path / "other.safetensors", other)
    place = Place(part="vae", identity="y", path=str(file), format="single")
    module = load.load(first.handle(Vae, elsewhere=(place,)), torch.float32)
    assert not same(module, load.load(first.handle(Vae), torch.float32))
    denoiser = load.load(first.handle(Model, elsewhere=(place,)), torch.float32)
    assert same(denoiser, load.load(first.handle(Model), torch.float32))
    folder = Place(part="vae", identity="z", path=str(first.folder / "vae"), format="diffusers")
    module = load.load(first.handle(Vae, elsewhere=(folder,)), torch.float32)
    assert same(module, load.load(first.handle(Vae), torch.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_that_is_not_there_is_named(first: Pair, tmp_path: Path, kind: Any) -> None:
    kept = {Model: "first_stage", TextEncoder: "first_stage", Vae: "model.diff"}[kind]
    tensors = {name: one for name, one in first.tensors.items() if name.startswith(kept)}
    handle = first.handle(kind, originals.write(tmp_path / "some.safetensors", tensors))
    with pytest.raises(ModelUnreadable, match="model_part_missing") as refused:
        load.load(handle, torch.float32)
    assert refused.value.params == {"model": "some.safetensors", "part": handle.part}


def damaged(first: Pair, root: Path, how: str) -> Path:
    file = root / "damaged.safetensors"
    if how == "pickle":
        torch.save({"a": torch.zeros(3)}, file)
        return file
    tensors = dict(first.tensors)
    name = "model.diffusion_model.middle_block.0.in_layers.2.weight"
    if how == "missing":
        del tensors[name]
    elif how == "shape":
        tensors[name] = tensors[name][:-1]
    elif how == "nan":
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[7] = torch.nan
    elif how == "infinite":
        tensors[name] = tensors[name].clone()
        tensors[name].view(-1)[-1] = torch.inf
    originals.write(file, tensors)
    if how == "cut":
        with open(file, "r+b") as opened:
            opened.truncate(file.stat().st_size - 1)
    return file


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ("missing", "model_unreadable"), ("shape", "model_unreadable"), ("cut", "model_unreadable"),
        ("nan", "model_nonfinite"), ("infinite", "model_nonfinite"), ("pickle", "model_pickle"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_refused_by_name(
    first: Pair, tmp_path: Path, how: str, code: str
) -> None:
    handle = first.handle(Model, damaged(first, tmp_path, how))
    with pytest.raises(ModelUnreadable) as refused:
        load.load(handle, torch.float32)
    assert refused.value.name == code
    assert refused.value.params["model"] == "damaged.safetensors"


def test_damage_to_one_part_is_none_of_the_others(first: Pair, tmp_path: Path) -> None:
    handle = first.handle(Vae, damaged(first, tmp_path, "nan"))
    assert same(load.load(handle, torch.float32), load.load(first.beside(Vae), torch.float32))


def test_a_folder_with_weights_that_are_no_numbers_is_refused(first: Pair, tmp_path: Path) -> None:
    import shutil

    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(first.folder, tmp_path / "copy"))
    for kind, name in ((Vae, "vae/diffusion_pytorch_model"), (TextEncoder, "text_encoder/model")):
        file = folder / f"{name}.safetensors"
        tensors = load_file(file)
        next(iter(tensors.values())).view(-1)[0] = torch.nan
        save_file(tensors, file, {"format": "pt"})
        with pytest.raises(ModelUnreadable, match="model_nonfinite"):
            load.load(first.handle(kind, folder, format="diffusers"), torch.float32)


def test_huge_weights_are_numbers_all_the_same(first: Pair, tmp_path: Path) -> None:
    tensors = dict(first.tensors)
    name = "first_stage_model.decoder.conv_in.weight"
    tensors[name] = torch.full_like(tensors[name], 3e38)
    handle = first.handle(Vae, originals.write(tmp_path / "huge.safetensors", tensors))
    load.load(handle, torch.float32)


def test_a_file_that_was_changed_since_it_was_looked_up_is_not_read(
    first: Pair, tmp_path: Path
) -> None:
    file = originals.write(tmp_path / "a.safetensors", first.tensors)
    status = file.stat()
    stamp = (status.st_size, int(status.st_mtime * 1000))
    handle = first.handle(Vae, file, stamp=stamp)
    load.load(handle, torch.float32)
    for other in ((stamp[0] + 1, stamp[1]), (stamp[0], stamp[1] - 5), (stamp[0], stamp[1] + 5)):
        with pytest.raises(ModelUnreadable, match="model_changed"):
            load.load(structs.replace(handle, stamp=other), torch.float32)


def test_parts_of_a_file_that_was_cut_up_are_read_as_one(first: Pair, tmp_path: Path) -> None:
    names = sorted(first.tensors)
    for number, some in enumerate((names[::2], names[1::2]), 1):
        tensors = {name: first.tensors[name] for name in some}
        originals.write(tmp_path / f"cut-{number:05}-of-00002.safetensors", tensors)
    handle = first.handle(Vae, tmp_path / "cut-00001-of-00002.safetensors")
    assert same(load.load(handle, torch.float32), load.load(first.handle(Vae), torch.float32))
    found = examine(Path(handle.path))
    assert found is not None
    stamped = structs.replace(handle, stamp=(found.bytes, int(found.mtime * 1000)))
    load.load(stamped, torch.float32)
    (tmp_path / "cut-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelUnreadable, match="model_unreadable"):
        load.load(stamped, torch.float32)


def test_the_stamp_of_the_library_is_the_files(first: Pair) -> None:
    for path, kind, layout in ((first.file, Vae, "single"), (first.folder, Vae, "diffusers")):
        found = examine(path)
        assert found is not None
        stamp = (found.bytes, int(found.mtime * 1000))
        load.load(first.handle(kind, path, format=layout, stamp=stamp), torch.float32)


def test_a_folder_is_changed_once_a_file_of_the_part_is_newer(first: Pair) -> None:
    newest = max(file.stat().st_mtime for file in first.folder.rglob("*") if file.is_file())
    handle = structs.replace(first.beside(Vae), stamp=(1, int(newest * 1000)))
    load.load(handle, torch.float32)
    with pytest.raises(ModelUnreadable, match="model_changed"):
        load.load(structs.replace(handle, stamp=(1, 1000)), torch.float32)


@pytest.mark.slow
def test_reading_takes_the_part_and_one_tensor(tmp_path: Path) -> None:
    """The file has 200 MB, the part 100; a process says what it held at most."""
    file = tmp_path / "large.safetensors"
    script = f"""
        import resource, torch
        from safetensors.torch import save_file
        from core.engine.models.weights import Weights
        from pathlib import Path

        names = [f"part.{{n}}" for n in range(20)]
        if WRITES:
            others = [f"rest.{{n}}" for n in range(20)]
            save_file({{name: torch.randn(1_250_000) for name in names + others}}, {str(file)!r})
        else:
            torch.zeros(1).sum().isfinite()
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            weights = Weights([Path({str(file)!r})], "large")
            read = weights.read({{name: name for name in names}}, torch.float32)
            after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(after - before, sum(one.nbytes for one in read.values()) // 1024)
    """
    for write in (1, 0):
        code = textwrap.dedent(script).replace("WRITES", str(write))
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr
    held, part = map(int, done.stdout.split())
    assert part == 100_000_000 // 1024 and file.stat().st_size > 199_000_000
    assert held < part + 20_000  # KiB
