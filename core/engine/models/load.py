"""Loading: parts of a checkpoint in diffusers' layout, one at a time, from safetensors only.

Knows files and classes; ``residency`` decides when they are read and where they lie. Sets no
global state: torch's default number format leaks between threads, so parts are built empty and
their weights assigned in the format asked for.
"""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from core.engine.models import single
from core.engine.models.families import MODEL, VAE, Part, family_of
from core.engine.values import Handle
from core.errors import ModelUnreadable

Json = dict[str, Any]  # a decoded configuration file

_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_CONFIG_BYTES = 1 << 20
_HALVES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
_lock = threading.Lock()  # transformers' loading patches module-wide state while it runs


def size(handle: Handle, dtype: torch.dtype) -> int:
    """Estimate the bytes a part takes in ``dtype``; 0 when its files cannot be read."""
    try:
        files = _weights(handle, _part(handle))
        with safe_open(files[0], framework="pt") as opened:
            first = next(iter(opened.keys()))
            stored = opened.get_slice(first).get_dtype()
    except (ModelUnreadable, SafetensorError, OSError, StopIteration):
        return 0
    width = 4 if stored == "F32" else 2
    return sum(file.stat().st_size for file in files) * _format(handle, dtype).itemsize // width


def load(handle: Handle, dtype: torch.dtype) -> nn.Module:
    """Read one part into RAM.

    A denoiser carries ``scheduler_config``, a text encoder its ``tokenizer``. An autoencoder that
    would overflow float16 is of float32 there.

    :raises ModelUnreadable: when files are missing, broken, pickled, or of another family.
    """
    part = _part(handle)
    files = _weights(handle, part)
    dtype = _format(handle, dtype)
    try:
        read = _LIBRARIES[part.library] if handle.format == "diffusers" else _read_single
        module = read(Path(handle.path) / part.folder, part, files, dtype)
        if part.tokenizer:
            object.__setattr__(module, "tokenizer", _tokenizer(handle, part))
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        raise _unreadable(handle, str(error)) from error
    if handle.part == MODEL:
        object.__setattr__(module, "scheduler_config", scheduler_config(handle))
    return module.eval().requires_grad_(False)


def config_of(handle: Handle) -> Json:
    """Read the configuration of a part, without its weights.

    :raises ModelUnreadable: when it is missing or no JSON object.
    """
    return _json(handle, str(Path(_part(handle).folder, "config.json")))


def scheduler_config(handle: Handle) -> Json:
    """Read the configuration of the checkpoint's own scheduler.

    :raises ModelUnreadable: when it is missing or no JSON object.
    """
    return _json(handle, "scheduler/scheduler_config.json")


def present(handle: Handle) -> bool:
    """Say whether a checkpoint has a part at all, readable or not."""
    return (Path(handle.path) / _part(handle).folder).is_dir()


def zeroes_empty(handle: Handle) -> bool:
    """Say whether an absent negative prompt is zeros to a checkpoint, and not the empty text."""
    if not family_of(handle.family).zeroed:
        return False
    try:
        index = _json(handle, "model_index.json")
    except ModelUnreadable:  # a file has none: as those of its family
        return True
    return bool(index.get("force_zeros_for_empty_prompt", True))


def latent_size(config: Json) -> tuple[int, int]:
    """Give channels of an autoencoder's latents, and pixels per latent pixel each way."""
    return int(config.get("latent_channels", 4)), 2 ** (len(config["block_out_channels"]) - 1)


def _read_diffusers(folder: Path, part: Part, files: list[Path], dtype: torch.dtype) -> nn.Module:
    import diffusers

    kind = getattr(diffusers, part.kind)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if config.get("_class_name") != part.kind:
        raise ValueError(f"{part.folder} is a {config.get('_class_name')}")
    return _made(kind, config, {name: tensor.to(dtype) for name, tensor in _tensors(files)})


def _read_single(folder: Path, part: Part, files: list[Path], dtype: torch.dtype) -> nn.Module:
    import diffusers

    config, tensors = single.controlnet(dict(_tensors(files)), part.single or {})
    given = {name: tensor.to(dtype) for name, tensor in tensors.items()}
    return _made(getattr(diffusers, part.kind), config, given)


def _made(kind: Any, config: Json, tensors: dict[str, torch.Tensor]) -> nn.Module:
    with torch.device("meta"):  # a mode of this thread only; no memory, no random weights
        module: nn.Module = kind.from_config(config)
    # Old checkpoints call the parts of an attention block otherwise; diffusers knows how.
    kind._fix_state_dict_keys_on_load(module, tensors)
    missing, _ = module.load_state_dict(tensors, assign=True, strict=False)
    if missing:
        raise ValueError(f"{len(missing)} weights are missing, such as {missing[0]}")
    if empty := [name for name, tensor in module.named_buffers() if tensor.is_meta]:
        raise ValueError(f"the buffer {empty[0]} is not among the weights")
    return module


def _read_transformers(
    folder: Path, part: Part, files: list[Path], dtype: torch.dtype
) -> nn.Module:
    import transformers

    kind = getattr(transformers, part.kind)
    variant = "fp16" if ".fp16." in files[0].name else None
    transformers.utils.logging.disable_progress_bar()
    with _lock:
        module: nn.Module = kind.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            variant=variant,
            dtype=torch.float32,  # torch's default: any other would be set for all threads
        )
    return module.to(dtype)


_LIBRARIES: dict[str, Callable[[Path, Part, list[Path], torch.dtype], nn.Module]] = {
    "diffusers": _read_diffusers,
    "transformers": _read_transformers,
}


def _tokenizer(handle: Handle, part: Part) -> Any:
    import transformers

    folder = Path(handle.path) / part.tokenizer
    with _lock:
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
    except ModelUnreadable:  # the parts of a file have no configuration of their own
        told = True
    return torch.float32 if told else dtype


def _part(handle: Handle) -> Part:
    part = family_of(handle.family, _name(handle)).parts.get(handle.part)
    if part is None:
        raise _unreadable(handle, f"{handle.family} has no {handle.part}")
    if handle.format != "diffusers" and (handle.format != "single" or part.single is None):
        raise ModelUnreadable("format_unsupported", model=_name(handle), format=handle.format)
    return part


def _weights(handle: Handle, part: Part) -> list[Path]:
    """Find the safetensors of a part: one file or its shards, in full precision if there is.

    :raises ModelUnreadable: model_pickle when there are only pickles, which may run code.
    """
    folder = Path(handle.path) / part.folder
    if handle.format == "single":
        return [folder]
    found = sorted(folder.glob("*.safetensors"))
    plain = [file for file in found if ".fp16." not in file.name and "non_ema" not in file.name]
    if files := plain or found:
        shards = [file for file in files if "-of-" in file.name]
        return shards or files[:1]
    if any(True for pattern in _PICKLES for _ in folder.glob(pattern)):
        raise ModelUnreadable("model_pickle", model=_name(handle))
    raise _unreadable(handle, f"{part.folder} holds no weights")


def _tensors(files: list[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for name in opened.keys():
                yield name, opened.get_tensor(name)


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
