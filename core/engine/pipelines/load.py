"""Loading: all parts of a pipeline's folder, from safetensors only and without a line of its code.

Knows files and classes. As in ``core.engine.models.load`` no global state is set: weights are
assigned in the format asked for, to networks that were built without any.
"""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn
from torch.overrides import TorchFunctionMode

from core.engine.device import has_bfloat16
from core.engine.models.modules import transformers_lock
from core.engine.pipelines.whole import Whole
from core.engine.values import Handle
from core.errors import HeliographError, ModelUnreadable
from core.library import folder, pipelines

_PICKLES = ("*.bin", "*.ckpt", "*.pt", "*.pth")
_DENOISERS = ("transformer", "unet")
_imports = threading.Lock()  # two threads that import at once may find half a module
_READS: Any = (  # SafetensorError is not typed
    OSError, ValueError, LookupError, TypeError, RuntimeError, AttributeError, ImportError,
    SafetensorError,
)  # fmt: skip


def size(handle: Handle, dtype: torch.dtype) -> int:
    """Estimate the bytes of all parts in ``dtype``; 0 when the files cannot be read."""
    try:
        parts = pipelines.components(folder.index(Path(handle.path)))
        files = [file for name in parts for file in _weights(Path(handle.path), name)]
        stored = _stored(files[0])
    except (*_READS, HeliographError):
        return 0
    width = 4 if stored == "F32" else 2
    return sum(file.stat().st_size for file in files) * dtype.itemsize // width


def load(handle: Handle, dtype: torch.dtype) -> Whole:
    """Read all parts into RAM.

    :param dtype: of a float16 device; a pipeline whose weights are stored otherwise gets bfloat16
        where the device has it, since most of these were trained in it and overflow in float16.
    :raises ModelUnreadable: when files are missing, broken or pickled, or of no such pipeline.
    :raises Invalid: model_config_not_allowed, when a configuration names code.
    """
    path = Path(handle.path)
    if not (path / folder.INDEX).is_file():
        raise ModelUnreadable(model=path.name, reason=f"{folder.INDEX} is missing")
    facts = folder.facts(path)  # again: the folder may have changed since it was scanned
    if facts is None:
        raise ModelUnreadable("family_unsupported", model=path.name, family=handle.family)
    index = folder.index(path)
    parts = pipelines.components(index)
    dtype = _fitting(path, parts, dtype)
    try:
        with _imports:
            import diffusers
            import transformers

            kind = getattr(diffusers, facts.pipeline)
            classes = {
                name: getattr(diffusers if library == "diffusers" else transformers, class_name)
                for name, (library, class_name) in parts.items()
            }
        made = {name: _part(path, name, one, dtype) for name, one in classes.items()}
        whole = Whole(kind, made, pipelines.options(index))
        whole.made()  # refuses what lacks a part
    except _READS as error:
        reason = f"{type(error).__name__}: {error}" if not str(error) else str(error)
        raise ModelUnreadable(model=path.name, reason=reason[:500]) from error
    return whole


def _part(path: Path, name: str, kind: Any, dtype: torch.dtype) -> Any:
    """Read one part: a network in ``dtype``, or whatever lies beside networks."""
    import diffusers
    import transformers

    if not isinstance(kind, type):
        raise TypeError(f"{name} is no class")
    reader: Any = kind
    if issubclass(kind, diffusers.ModelMixin):
        return _diffusers(path, name, kind, dtype)
    if issubclass(kind, transformers.PreTrainedModel):
        return _transformers(path, name, kind, dtype)
    if not issubclass(kind, _beside()):
        raise ValueError(f"{name} is a {kind.__name__}, which is no part of a pipeline")
    with transformers_lock:
        return reader.from_pretrained(path / name, local_files_only=True)


def _beside() -> tuple[type, ...]:
    """List the classes of what lies beside networks; none of them reads another class's code."""
    from diffusers import SchedulerMixin
    from diffusers.guiders import BaseGuidance
    from transformers import FeatureExtractionMixin, ProcessorMixin
    from transformers.image_processing_base import ImageProcessingMixin
    from transformers.tokenization_utils_base import PreTrainedTokenizerBase

    return (
        SchedulerMixin, BaseGuidance, PreTrainedTokenizerBase, ProcessorMixin,
        ImageProcessingMixin, FeatureExtractionMixin,
    )  # fmt: skip


class _Weightless(TorchFunctionMode):
    """Give networks that are built on this thread weights that take no memory.

    Only what ``torch.empty`` makes, which is what layers make their weights with: tables that are
    computed, and lie beside the weights of a file, stay real. diffusers and accelerate patch all
    modules of the process instead.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = dict(kwargs or {})
        if func is torch.empty and given.get("device") is None:
            given["device"] = "meta"
        return func(*args, **given)


def _diffusers(path: Path, name: str, kind: Any, dtype: torch.dtype) -> nn.Module:
    config = json.loads((path / name / "config.json").read_text("utf-8"))
    if config.get("_class_name") not in (None, kind.__name__):
        raise ValueError(f"{name} is a {config.get('_class_name')}")
    files = _weights(path, name)
    if not files:
        raise ValueError(f"{name} holds no weights")
    with _Weightless():
        module: nn.Module = kind.from_config(config)
    precise = set(kind._keep_in_fp32_modules or ())
    tensors = {
        key: _cast(tensor, dtype if precise.isdisjoint(key.split(".")) else torch.float32)
        for key, tensor in _tensors(files)
    }
    kind._fix_state_dict_keys_on_load(module, tensors)
    missing, _ = module.load_state_dict(tensors, assign=True, strict=False)
    if missing := [key for key in missing if not key.endswith("num_batches_tracked")]:
        raise ValueError(f"{name} lacks {len(missing)} weights, such as {missing[0]}")
    for key, tensor in (*module.named_parameters(), *module.named_buffers()):
        if tensor.is_meta:
            raise ValueError(f"{name} lacks {key}")
    return module


def _transformers(path: Path, name: str, kind: Any, dtype: torch.dtype) -> nn.Module:
    """Let transformers read a network, each tensor in ``dtype`` as it comes from the file.

    Told of ``dtype`` it would make that the default of all threads, if only for a while. So it is
    told of float32, and asked for something else for every weight.
    """
    import transformers

    files = _weights(path, name)
    if not files:
        raise ValueError(f"{name} holds no weights")

    def plan(module: Any, _: torch.dtype) -> dict[str, torch.dtype]:
        kept: dict[str, torch.dtype] = kind._get_dtype_plan(module, dtype)
        return {f"*{key}": one for key, one in kept.items()} | {"*": dtype}

    reader: Any = type(
        kind.__name__, (kind,), {"_get_dtype_plan": plan, "__module__": kind.__module__}
    )
    transformers.utils.logging.disable_progress_bar()
    with transformers_lock:
        module, found = reader.from_pretrained(
            path / name,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            variant="fp16" if ".fp16." in files[0].name else None,
            dtype=torch.float32,
            output_loading_info=True,
        )
    if missing := sorted(found["missing_keys"]):
        raise ValueError(f"{name} lacks {len(missing)} weights, such as {missing[0]}")
    module.__class__ = kind
    made: nn.Module = module
    return made


def _cast(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _fitting(path: Path, parts: dict[str, tuple[str, str]], dtype: torch.dtype) -> torch.dtype:
    """Choose the format of weights for a device whose format is ``dtype``."""
    if dtype != torch.float16:
        return dtype
    name = next((name for name in _DENOISERS if name in parts), "")
    files = _weights(path, name) if name else []
    try:
        stored = _stored(files[0]) if files else ""
    except (OSError, SafetensorError):
        stored = ""
    return torch.bfloat16 if stored != "F16" and has_bfloat16() else dtype


def _stored(file: Path) -> str:
    """Give the format of a file's first tensor, in the words of safetensors."""
    with safe_open(file, framework="pt") as opened:
        return str(opened.get_slice(next(iter(opened.keys()))).get_dtype())


def _weights(path: Path, name: str) -> list[Path]:
    """Find the safetensors of a part: one file or its shards, in full precision if there is.

    :raises ModelUnreadable: model_pickle when there are only pickles, which may run code.
    """
    found = sorted((path / name).glob("*.safetensors"))
    plain = [file for file in found if ".fp16." not in file.name and "non_ema" not in file.name]
    if files := plain or found:
        shards = [file for file in files if "-of-" in file.name]
        return shards or files[:1]
    if any(True for pattern in _PICKLES for _ in (path / name).glob(pattern)):
        raise ModelUnreadable("model_pickle", model=path.name)
    return []


def _tensors(files: list[Path]) -> Iterator[tuple[str, torch.Tensor]]:
    for file in files:
        with safe_open(file, framework="pt") as opened:
            for key in opened.keys():
                yield key, opened.get_tensor(key)
