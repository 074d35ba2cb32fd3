"""Reads one pickle of weights from stdin and writes them as safetensors: a program of its own.

``core.library.pickles`` starts it in a sandbox. torch's reader takes tensors and plain values and
calls nothing that a file names. Ends with a traceback where the file is not as it should be; who
started it reads the last line.
"""

import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import torch

from core.engine.tasks import tensors
from core.engine.tasks.tensors import DTYPES, Lazy
from core.library import sandbox
from core.library.pickles import Limits

_INSIDE = (  # what trainers put weights into, the better first
    "params_ema", "params", "state_dict", "model_state_dict", "generator", "g_ema", "model",
)  # fmt: skip
_DEEP = 3  # of those, one in the other
_LONGEST = 512  # characters of a name
_EMBEDDING = "emb_params"  # of the one tensor of a textual inversion
_KNOWN = frozenset(DTYPES.values())


class NoWeights(ValueError):
    """Raised when a file holds no tensor where weights are looked for."""


def weights(loaded: Any) -> dict[str, torch.Tensor]:
    """Take the tensors out of what a file holds, whatever is around them.

    :raises NoWeights: when there are none.
    """
    for _ in range(_DEEP):
        if isinstance(loaded, dict) and isinstance(words := loaded.get("string_to_param"), dict):
            return _named(words if len(words) > 1 else dict.fromkeys([_EMBEDDING], *words.values()))
        inner = next((loaded[name] for name in _INSIDE if _holds(loaded, name)), None)
        if inner is None:
            break
        loaded = inner
    return _named(loaded)


def main(arguments: list[str]) -> None:
    """Read, write, and say how many there were."""
    limits = msgspec.json.decode(arguments[0], type=Limits)
    torch.set_num_threads(1)
    sandbox.bound(limits.memory, limits.seconds, limits.written)
    with os.fdopen(os.dup(0), "rb") as file:
        loaded = torch.load(file, map_location="cpu", weights_only=True)
    found = weights(loaded)
    lazies = {name: _lazy(name, one, limits) for name, one in found.items()}
    tensors.write(Path(arguments[1]), "", lazies, {"format": "pt"}, lambda count: None)
    sys.stdout.write(f"{len(found)}\n")


def _holds(loaded: Any, name: str) -> bool:
    return isinstance(loaded, dict) and isinstance(loaded.get(name), dict)


def _named(loaded: Any) -> dict[str, torch.Tensor]:
    found = {
        name: one.detach()
        for name, one in (loaded.items() if isinstance(loaded, dict) else ())
        if isinstance(name, str) and len(name) <= _LONGEST and isinstance(one, torch.Tensor)
    }
    if not found:
        raise NoWeights("NoWeights")
    return found


def _lazy(name: str, tensor: torch.Tensor, limits: Limits) -> Lazy:
    """Give a tensor to be written; one that is laid out larger than its storage is none.

    :raises ValueError: for a kind of tensor that safetensors has not.
    :raises MemoryError: for one that claims more than may be written.
    """
    if tensor.layout != torch.strided or tensor.dtype not in _KNOWN or tensor.is_meta:
        raise ValueError(f"{name!r} is a {tensor.dtype} of {tensor.layout}")
    if tensor.numel() * tensor.element_size() > limits.written:
        raise MemoryError(name)
    return Lazy(tensor.dtype, tuple(tensor.shape), tensor.contiguous)


if __name__ == "__main__":
    main(sys.argv[1:])
