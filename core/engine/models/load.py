"""Loading: parts of a checkpoint, one at a time, from safetensors only.

From a folder in diffusers' layout, or from a file (``single_file``). Knows files and classes;
``residency`` decides when they are read and where they lie.
"""

import copy
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn

from core.engine.models import changed, modules, quantize, stamps, tokens
from core.engine.models.families import MODEL, VAE, Part, family_of
from core.engine.models.modules import transformers_lock
from core.engine.models.original.table import facts
from core.engine.models.single_file import GGUF, SingleFile
from core.engine.models.weights import Weights
from core.engine.values import Handle, placed
from core.errors import ModelUnreadable
from core.ipc.commands import Quantize

Json = dict[str, Any]  # a decoded configuration file

_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_CONFIG_BYTES = 1 << 20
_HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
_FOLDER, _FILES = "diffusers", ("single", GGUF)
_BROKEN = (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError)


def size(handle: Handle, dtype: torch.dtype, narrow: Quantize = "none") -> int:
    """Estimate the bytes a part takes in ``dtype``; 0 when its files cannot be read."""
    handle = placed(handle)
    try:
        part, dtype = _part(handle), _format(handle, dtype)
        if handle.format in _FILES:
            taken = SingleFile(handle, part).size(dtype)
        else:
            weights = Weights(_weights(handle, part), _name(handle))
            taken = weights.bytes(weights.names, dtype)
        return quantize.estimate(taken, narrow, dtype) if _narrows(handle) else taken
    except (ModelUnreadable, *_BROKEN):
        return 0


def load(
    handle: Handle, dtype: torch.dtype, narrow: Quantize = "none", cuda: bool = False
) -> nn.Module:
    """Read one part into RAM.

    A denoiser carries ``scheduler_config``, a text encoder its ``tokenizer``. An autoencoder that
    would overflow float16 is of float32 there.

    :param narrow: how the weights of a denoiser are kept; packed ones stay as they are.
    :param cuda: the device is one of CUDA's.

    :raises ModelUnreadable: when files are missing, broken, pickled, or of another family;
        model_changed for one that is not what it was when it was chosen, model_part_missing for a
        file without the part, model_nonfinite for weights that are no numbers,
        quantize_unsupported where weights cannot be kept so.
    """
    handle = placed(handle)
    part, dtype = _part(handle), _format(handle, dtype)
    if _narrows(handle):
        quantize.check(narrow, cuda, _name(handle))
    try:
        if handle.format in _FILES:
            module = SingleFile(handle, part).read(dtype)
        else:
            module = _read_folder(handle, part, dtype)
        if handle.weights:
            changed.lay(module, Path(handle.weights))
    except _BROKEN as error:
        raise _unreadable(handle, str(error)) from error
    module.eval().requires_grad_(False)
    return quantize.narrow(module, narrow, dtype) if _narrows(handle) else module


def config_of(handle: Handle) -> Json:
    """Read the configuration of a part, without its weights.

    :raises ModelUnreadable: when it is missing or no JSON object, or cannot be told.
    """
    handle = placed(handle)
    part = _part(handle)
    if handle.format not in _FILES:
        return _json(handle, str(_folder(handle, part) / "config.json"))
    try:
        own = Path(handle.path).stat()
        return copy.deepcopy(_told(handle, own.st_size, own.st_mtime_ns))
    except _BROKEN as error:
        raise _unreadable(handle, str(error)) from error


def scheduler_config(handle: Handle) -> Json:
    """Read the configuration of the scheduler of a checkpoint's folder.

    :raises ModelUnreadable: when it is missing or no JSON object.
    """
    return _json(handle, "scheduler/scheduler_config.json")


def present(handle: Handle) -> bool:
    """Say whether a checkpoint has a part at all, readable or not."""
    handle = placed(handle)
    part = _part(handle)
    if handle.format not in _FILES:
        return _folder(handle, part).is_dir()
    try:
        SingleFile(handle, part)
    except ModelUnreadable as error:
        if error.name != "model_part_missing":
            raise
        return False
    return True


def zeroes_empty(handle: Handle) -> bool:
    """Say whether an absent negative prompt is zeros to a checkpoint, and not the empty text."""
    if not family_of(handle.family).zeroed:
        return False
    if handle.format in _FILES:
        return bool(facts(handle.family).get("force_zeros_for_empty_prompt", True))
    try:
        index = _json(handle, "model_index.json")
    except ModelUnreadable:  # a folder of parts alone: as those of its family
        return True
    return bool(index.get("force_zeros_for_empty_prompt", True))


def latent_size(config: Json) -> tuple[int, int]:
    """Give channels of an autoencoder's latents, and pixels per latent pixel each way."""
    return int(config.get("latent_channels", 4)), 2 ** (len(config["block_out_channels"]) - 1)


@lru_cache(maxsize=64)
def _told(handle: Handle, size: int, changed: int) -> Json:
    """Tell the configuration of a part in a file, once for as long as the file is the same."""
    return SingleFile(handle, _part(handle)).config()


def _read_folder(handle: Handle, part: Part, dtype: torch.dtype) -> nn.Module:
    files = _weights(handle, part)
    stamps.prove(handle, files)
    folder = _folder(handle, part)
    read = _read_diffusers if part.library == "diffusers" else _read_transformers
    module = read(folder, part, Weights(files, _name(handle)), files, dtype)
    if part.tokenizer:
        object.__setattr__(module, "tokenizer", _tokenizer(handle, part))
    if handle.part == MODEL:
        object.__setattr__(module, "scheduler_config", scheduler_config(handle))
    return module


def _read_diffusers(
    folder: Path, part: Part, weights: Weights, files: list[Path], dtype: torch.dtype
) -> nn.Module:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config.get("_class_name") != part.kind:
        raise ValueError(f"{part.folder} is a {config.get('_class_name')}")
    named = {name: name for name in weights.names}
    return modules.of_diffusers(part.kind, config, weights.read(named, dtype))


def _read_transformers(
    folder: Path, part: Part, weights: Weights, files: list[Path], dtype: torch.dtype
) -> nn.Module:
    import transformers

    kind = getattr(transformers, part.kind)
    variant = "fp16" if ".fp16." in files[0].name else None
    transformers.utils.logging.disable_progress_bar()
    with transformers_lock:
        module: nn.Module = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            variant=variant,
            dtype=torch.float32,  # torch's default: any other would be set for all threads
        )
    for name, tensor in module.named_parameters():
        weights.prove(name, tensor.data)
    return module.to(dtype)


def _tokenizer(handle: Handle, part: Part) -> Any:
    """Read the tokenizer beside a text encoder; for one by itself, give what ships."""
    import transformers

    folder = Path(handle.path) / part.tokenizer
    if not folder.is_dir():
        return tokens.shipped_with(facts(handle.family)[handle.part], config_of(handle))
    with transformers_lock:
        return getattr(transformers, part.tokens).from_pretrained(folder, local_files_only=True)


def _format(handle: Handle, dtype: torch.dtype) -> torch.dtype:
    """Give the number format that a part is read in, where ``dtype`` is asked for."""
    family = family_of(handle.family, _name(handle))
    part = family.parts.get(handle.part)
    if dtype != torch.float16 or part is None:
        return dtype
    if handle.part != VAE or not family.upcast:
        return _HALVES[part.half]
    try:
        told = config_of(handle).get("force_upcast", True)
    except ModelUnreadable:  # it says so again when it is read
        told = True
    return torch.float32 if told else dtype


def _narrows(handle: Handle) -> bool:
    return handle.part == MODEL and handle.format != GGUF


def _part(handle: Handle) -> Part:
    part = family_of(handle.family, _name(handle)).parts.get(handle.part)
    if part is None:
        raise _unreadable(handle, f"{handle.family} has no {handle.part}")
    if handle.format not in (_FOLDER, *_FILES):
        raise ModelUnreadable("format_unsupported", model=_name(handle), format=handle.format)
    return part


def _folder(handle: Handle, part: Part) -> Path:
    """Find the folder of a part: within its checkpoint's, or that of a part by itself."""
    whole = Path(handle.path)
    within = whole / part.folder
    return whole if not within.is_dir() and (whole / "config.json").is_file() else within


def _weights(handle: Handle, part: Part) -> list[Path]:
    """Find the safetensors of a part: one file or its shards, in full precision if there is.

    :raises ModelUnreadable: model_pickle when there are only pickles, which may run code;
        model_part_missing where the folder has no such part.
    """
    folder = _folder(handle, part)
    found = sorted(folder.glob("*.safetensors"))
    plain = [file for file in found if ".fp16." not in file.name and "non_ema" not in file.name]
    if files := plain or found:
        shards = [file for file in files if "-of-" in file.name]
        return shards or files[:1]
    if any(True for pattern in _PICKLES for _ in folder.glob(pattern)):
        raise ModelUnreadable("model_pickle", model=_name(handle))
    raise ModelUnreadable("model_part_missing", model=_name(handle), part=handle.part)


def _json(handle: Handle, name: str) -> Json:
    path = Path(handle.path) / name
    try:
        if path.stat().st_size > _CONFIG_BYTES:
            raise _unreadable(handle, f"{name} is too large")
        decoded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(handle, f"{name}: {error}") from error
    if not isinstance(decoded, dict):
        raise _unreadable(handle, f"{name} is no JSON object")
    return decoded


def _name(handle: Handle) -> str:
    return Path(handle.path).name


def _unreadable(handle: Handle, reason: str) -> ModelUnreadable:
    return ModelUnreadable(model=_name(handle), reason=reason[:500])
