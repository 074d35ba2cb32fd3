"""Speed: the same networks, arranged so that a device is done with them sooner.

Three tiers. ``plain`` is diffusers' own arithmetic, to the bit. ``fused`` lays convolutions out
with channels last, and projects queries, keys and values in one multiplication. ``compiled``
compiles the blocks that a network repeats, besides. All are the same to rounding. Knows modules of
diffusers; neither parts nor memory.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import torch
from torch import nn

log = logging.getLogger(__name__)

Speed = Literal["plain", "fused", "compiled"]
Changes = Mapping[str, Mapping[str, torch.Tensor]]  # name of a module → its new tensors

# What diffusers makes of which projections when it fuses them.
_FUSED = {
    "to_qkv": ("to_q", "to_k", "to_v"),
    "to_kv": ("to_k", "to_v"),
    "to_added_qkv": ("add_q_proj", "add_k_proj", "add_v_proj"),
}
_FORMATS = (torch.float32, torch.bfloat16, torch.float16)
_COMPILED, _KEPT = "_compiled_call_impl", "_compiled_before"


def prepare(module: nn.Module, speed: Speed, device: torch.device) -> None:
    """Arrange a network that was just read, in RAM; one that cannot be stays as it is."""
    if speed == "plain":
        return
    with torch.no_grad():
        for one in module.modules():
            if isinstance(one, nn.Conv2d):
                one.weight.data = one.weight.data.contiguous(memory_format=torch.channels_last)
        _fuse(module)
    finish(module, speed, device)


def finish(module: nn.Module, speed: Speed, device: torch.device) -> None:
    """Arrange a network that was made of one that is arranged: of its own are only its blocks."""
    if speed == "compiled" and compiles(device):
        compile_blocks(module)


def compile_blocks(module: nn.Module, backend: str = "inductor") -> None:
    """Compile the blocks that a network repeats, each when it first runs; none of them twice.

    :param backend: of ``torch.compile``.
    """
    from torch._dynamo import config

    config.suppress_errors = True  # what cannot be compiled after all runs as it is; no job fails
    names = getattr(module, "_repeated_blocks", None) or ()
    for block in module.modules():
        if type(block).__name__ in names and block.__dict__.get(_COMPILED) is None:
            block.compile(backend=backend, dynamic=True)  # rows come and go, and sizes differ


def compiles(device: torch.device) -> bool:
    """Say whether there is what compiling for a device needs.

    Not for the CPU: minutes of compiling on a few cores are not made up for.
    """
    if device.type in ("cpu", "mps"):
        return False
    from torch.utils._triton import has_triton

    return bool(has_triton())


def watch(moved: Callable[[], None]) -> None:
    """Let somebody know whenever a block begins or ends to be compiled: no step takes as long."""
    from torch._dynamo.callback import callback_handler

    callback_handler.register_start_callback(lambda _: moved())
    callback_handler.register_end_callback(lambda _: moved())


def eager(module: nn.Module | None) -> None:
    """Let a network run without what was compiled, which does not see hooks."""
    for block in module.modules() if module is not None else ():
        if (made := block.__dict__.pop(_COMPILED, None)) is not None:
            block.__dict__[_KEPT] = made


def quick(module: nn.Module | None) -> None:
    """Undo ``eager``."""
    for block in module.modules() if module is not None else ():
        if (made := block.__dict__.pop(_KEPT, None)) is not None:
            block.__dict__[_COMPILED] = made


def uncompiled(module: nn.Module) -> None:
    """Forget what was compiled, without what is inside: of a copy it would run the original."""
    module.__dict__.pop(_COMPILED, None)
    module.__dict__.pop(_KEPT, None)


def with_fused(base: nn.Module, changes: Changes) -> dict[str, dict[str, torch.Tensor]]:
    """Add to the changed tensors of a network those of projections that were fused of them.

    :param changes: by names of ``base``'s modules; what is added lies in RAM.
    """
    made = {name: dict(new) for name, new in changes.items()}
    modules = dict(base.named_modules())
    for name, sources in _fused(modules):
        parts = [(modules[source], changes.get(source, {})) for source in sources]
        if not any(new for _, new in parts):
            continue
        for tensor in ("weight", "bias"):
            pieces = [new.get(tensor, getattr(module, tensor)) for module, new in parts]
            if all(piece is not None for piece in pieces):
                joined = torch.cat([piece.detach().cpu() for piece in pieces])
                made.setdefault(name, {})[tensor] = joined
    return made


def _fused(modules: Mapping[str, nn.Module]) -> Iterator[tuple[str, list[str]]]:
    """List fused projections, and those they were made of."""
    for name in modules:
        above, _, last = name.rpartition(".")
        sources = [f"{above}.{source}" for source in _FUSED.get(last, ())]
        if sources and all(source in modules for source in sources):
            yield name, sources


def _fuse(module: Any) -> None:
    """Fuse projections where diffusers knows how, and where weights are plain numbers."""
    fuse = getattr(module, "fuse_qkv_projections", None)
    if fuse is None:
        return
    for name, one in module.named_modules():
        if name.rpartition(".")[2] in _FUSED["to_qkv"]:
            weight = getattr(one, "weight", None)
            if type(one) is not nn.Linear or weight is None or weight.dtype not in _FORMATS:
                return
    try:
        fuse()
    except ValueError as error:  # attention of a kind that has no fused form
        log.info("Projections stay as they are: %s", error)
