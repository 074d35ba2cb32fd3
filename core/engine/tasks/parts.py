"""A checkpoint as parts of tensors that are not read yet, by diffusers' names, whatever its layout.

Knows folders and single files; ``originals`` knows what theirs are called.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from core.engine.tasks import layouts
from core.engine.tasks.originals import ORIGINALS, Original
from core.engine.tasks.tensors import Lazy, Tick, WeightFile
from core.errors import ModelUnreadable
from core.library import folder as folders

Json = dict[str, Any]

_SCALED = ".scale_weight"  # beside a weight of 8 bits, which is nothing without it
_SMALL = frozenset({".json", ".txt", ".model"})
_SMALL_BYTES = 16 << 20  # of a tokenizer, or a configuration
_SMALL_FILES = 256


class Component(NamedTuple):
    """A part of a checkpoint with weights."""

    folder: str  # in diffusers' layout
    file: str  # that holds its weights there
    tensors: dict[str, Lazy]  # by diffusers' names
    config: Json  # empty where it is not told


class Checkpoint(NamedTuple):
    """A checkpoint, opened."""

    parts: list[Component]
    files: list[WeightFile]
    small: dict[str, bytes]  # of a folder: configurations and tokenizers, by name in it
    rest: dict[str, Lazy]  # of a single file: what is of no part


def opened(path: str, format_: str, family: str, tick: Tick) -> Checkpoint:
    """Open a checkpoint; only headers and configurations are read.

    :raises ModelUnreadable: for one that is broken, or in a layout that is not known.
    """
    place = Path(path)
    if format_ == "diffusers":
        return _folder(place, tick)
    originals = ORIGINALS.get(family)
    if format_ == "single" and originals:
        return _single(place, originals, tick)
    raise ModelUnreadable("format_unsupported", model=place.name, format=format_)


def as_original(checkpoint: Checkpoint, family: str) -> dict[str, Lazy]:
    """Give the tensors of a checkpoint as a single file of its family has them.

    What a single file has no place for, such as a safety checker, is left out.

    :raises layouts.Unlike: when parts are missing, or are not as those of the family.
    """
    made = dict(checkpoint.rest)
    by_folder = {part.folder: part for part in checkpoint.parts}
    for original in ORIGINALS[family]:
        if original.folder not in by_folder:
            raise layouts.Unlike(f"{original.folder} is missing")
        made |= _original(original, by_folder[original.folder])
    return made


def weight_file(path: Path, tick: Tick) -> WeightFile:
    """Open a file whose weights are all that there is to know.

    :raises ModelUnreadable: format_unsupported for one with scales beside its weights.
    """
    file = WeightFile(path, tick)
    if any(name.endswith(_SCALED) for name in file.header.tensors):
        raise ModelUnreadable("format_unsupported", model=path.name, format="fp8, scaled")
    return file


def weights_of(folder: Path) -> list[Path]:
    """Find the safetensors of a part: a file or its shards, in full precision if there is."""
    found = sorted(folder.glob("*.safetensors"))
    plain = [file for file in found if ".fp16." not in file.name and "non_ema" not in file.name]
    files = plain or found
    shards = [file for file in files if "-of-" in file.name]
    return shards or files[:1]


def _folder(path: Path, tick: Tick) -> Checkpoint:
    parts: list[Component] = []
    files: list[WeightFile] = []
    for name in sorted(entry.name for entry in path.iterdir() if entry.is_dir()):
        weights = [WeightFile(file, tick) for file in weights_of(path / name)]
        if not weights:
            continue
        files += weights
        tensors = {one: file.lazy(one) for file in weights for one in file.header.tensors}
        # As transformers calls it, or diffusers.
        file = "model" if weights[0].path.name.startswith("model") else "diffusion_pytorch_model"
        config = _json(path / name / "config.json")
        parts.append(Component(name, f"{file}.safetensors", tensors, config))
    if not parts:
        raise ModelUnreadable(model=path.name, reason="it holds no safetensors")
    return Checkpoint(parts, files, _small(path), {})


def _single(path: Path, originals: Sequence[Original], tick: Tick) -> Checkpoint:
    file = weight_file(path, tick)
    shapes = {name: tensor.shape for name, tensor in file.header.tensors.items()}
    used: set[str] = set()
    parts = []
    for original in originals:
        own = {name: shape for name, shape in shapes.items() if name.startswith(original.prefix)}
        if not own:
            continue
        cuts = layouts.trace(_converter(original, own), own)
        used |= {piece.name for cut in cuts.values() for piece in cut.pieces}
        lazy = {name: file.lazy(name) for name in own}
        weights = "model" if original.folder.startswith("text") else "diffusion_pytorch_model"
        tensors = layouts.lazies(cuts, lazy)
        parts.append(Component(original.folder, f"{weights}.safetensors", tensors, {}))
    if not parts:
        raise layouts.Unlike("its weights have unknown names")
    rest = {
        name: file.lazy(name)
        for name in shapes
        if name not in used and not name.startswith("model_ema.")
    }
    return Checkpoint(parts, [file], {}, rest)


def _original(original: Original, part: Component) -> dict[str, Lazy]:
    source = {usual: lazy for name, lazy in part.tensors.items() if (usual := original.usual(name))}
    shapes = {name: lazy.shape for name, lazy in source.items()}
    names = {f"{original.prefix}{n}": shape for n, shape in original.names(shapes).items()}
    cuts = layouts.trace(_converter(original, names), names)
    told = {name: cut.shape for name, cut in cuts.items()}
    lost = {name for name in shapes if told.get(name) != shapes[name]}
    lost -= {name for name in lost if name.endswith(".position_ids")}  # a row of 0, 1, 2, …
    if lost or told.keys() - shapes.keys():
        strange = min(lost | (told.keys() - shapes.keys()))
        raise layouts.Unlike(f"{original.folder} has {strange}, which has no counterpart")
    return layouts.lazies(layouts.inverse(cuts, names), source)


def _converter(
    original: Original, shapes: Mapping[str, layouts.Shape]
) -> Callable[[layouts.Tensors], Mapping[str, Any]]:
    return lambda tensors: original.convert(tensors, shapes)


def _small(path: Path) -> dict[str, bytes]:
    """Read configurations and tokenizers; lists of shards are of the files that there were."""
    found: dict[str, bytes] = {}
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path).as_posix()
        hidden = any(part.startswith(".") for part in name.split("/"))
        if hidden or file.suffix not in _SMALL or name.endswith(".index.json"):
            continue
        if name in (folders.OWN,) or not file.is_file():
            continue
        if file.stat().st_size > _SMALL_BYTES or len(found) >= _SMALL_FILES:
            raise ModelUnreadable(model=path.name, reason=f"{name} is too large")
        found[name] = file.read_bytes()
    return found


def _json(path: Path) -> Json:
    if not path.is_file() or path.stat().st_size > 1 << 20:
        return {}
    decoded = json.loads(path.read_text("utf-8"))
    return decoded if isinstance(decoded, dict) else {}
