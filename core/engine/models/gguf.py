"""GGUF: networks whose weights are blocks of fewer bits, unpacked layer by layer as they are used.

The ``gguf`` package reads files, diffusers unpacks blocks; both are imported when the first file is
read, since the package is an extra. Small layers, and those that everything goes through, are
unpacked once.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from core.engine.models import modules
from core.engine.models.weights import Tensors
from core.errors import Invalid, ModelUnreadable
from core.library.gguf import read_gguf

EXTRA = "gguf"
_UNPACKED = re.compile(  # layers that go by the format of their weights, those of T5 by ``wo``'s
    r"^(time_text_embed|x_embedder|context_embedder|pos_embed|proj_out|norm_out)\b|\.wo\."
)
_BROKEN = (
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)
_PLAIN = frozenset({"F32", "F16", "BF16"})


class GgufWeights:
    """The tensors of a GGUF file; the same questions as of ``Weights``.

    :raises ModelUnreadable: extra_missing without the package; for a file that is not sound.
    """

    def __init__(self, path: Path, model: str) -> None:
        try:
            import gguf
        except ImportError as error:
            raise ModelUnreadable("extra_missing", model=model, extra=EXTRA) from error
        self._model = model
        try:
            # The package's reader believes what a file says of itself, however much that is.
            self.metadata = read_gguf(path).metadata
            reader: Any = gguf.GGUFReader(path)
            self._of = {tensor.name: tensor for tensor in reader.tensors}
        except (Invalid, *_BROKEN) as error:
            told = error.params.get("reason") if isinstance(error, Invalid) else error
            raise ModelUnreadable(model=model, reason=f"GGUF: {told}"[:500]) from error

    def __contains__(self, name: str) -> bool:
        """Say whether there is a tensor of this name."""
        return name in self._of

    @property
    def names(self) -> Iterable[str]:
        """List the tensors' names."""
        return self._of.keys()

    def bytes(self, names: Iterable[str], dtype: torch.dtype) -> int:
        """Count the bytes that tensors will take once they are read."""
        return sum(
            int(one.n_elements) * dtype.itemsize if _plain(one) else int(one.n_bytes)
            for one in (self._of[name] for name in names)
        )

    def outlines(self, names: Mapping[str, str]) -> Tensors:
        """Give tensors of the unpacked shapes that hold nothing, by new names: old → new."""
        return {
            new: torch.empty([int(side) for side in self._of[name].shape[::-1]], device="meta")
            for name, new in names.items()
        }

    def read(self, names: Mapping[str, str], dtype: torch.dtype) -> Tensors:
        """Read tensors, packed ones as they are, and give them new names: old → new.

        :raises ModelUnreadable: model_nonfinite.
        :raises ValueError: for a way of packing that diffusers does not know.
        """
        from diffusers.quantizers.gguf.utils import SUPPORTED_GGUF_QUANT_TYPES, GGUFParameter

        made: Tensors = {}
        for name, new in names.items():
            one = self._of[name]
            data = torch.from_numpy(one.data.copy())  # else cutting the file would end the process
            if not _plain(one):
                if one.tensor_type not in SUPPORTED_GGUF_QUANT_TYPES:
                    raise ValueError(f"weights are packed as {one.tensor_type.name}")
                made[new] = GGUFParameter(data, quant_type=one.tensor_type)
                continue
            if one.tensor_type.name == "BF16":
                data = data.view(torch.bfloat16)
            made[new] = data.to(dtype)
            if not made[new].isfinite().all():
                raise ModelUnreadable("model_nonfinite", model=self._model, tensor=name[:200])
        return made


def module_of(
    library: str, kind: str, config: dict[str, Any], tensors: Tensors, dtype: torch.dtype
) -> nn.Module:
    """Make a network whose packed layers unpack themselves into ``dtype``.

    :param library: that of its class: "diffusers" or "transformers".
    :raises ValueError: when weights are missing, or of other shapes.
    :raises RuntimeError: likewise.
    """
    from diffusers.quantizers.gguf.utils import GGUFLinear, GGUFParameter, dequantize_gguf_tensor

    module = modules.empty(library, kind, config)
    owners = dict(module.named_modules())
    plain: Tensors = {}
    for name, tensor in tensors.items():
        if not isinstance(tensor, GGUFParameter):
            plain[name] = tensor
            continue
        place, _, leaf = name.rpartition(".")
        owner = owners.get(place)
        if leaf != "weight" or not isinstance(owner, nn.Linear) or _UNPACKED.search(name):
            plain[name] = dequantize_gguf_tensor(tensor).to(dtype)
            continue
        if tuple(tensor.quant_shape) != tuple(owner.weight.shape):
            raise ValueError(f"{name} is of the shape {tuple(tensor.quant_shape)}")
        with torch.device("meta"):
            layer = GGUFLinear(
                owner.in_features, owner.out_features, owner.bias is not None, compute_dtype=dtype
            )
        layer._parameters["weight"] = tensor
        above, _, own = place.rpartition(".")
        owners[above]._modules[own] = layer
        plain[name] = tensor
    packed = {name for name, tensor in plain.items() if isinstance(tensor, GGUFParameter)}
    return modules.shared(modules.filled(module, plain, kept=packed))


def dense(weight: torch.Tensor) -> torch.Tensor:
    """Give a weight in float32, however it is kept."""
    if not hasattr(weight, "quant_type"):
        return weight.detach().float()
    from diffusers.quantizers.gguf.utils import dequantize_gguf_tensor

    unpacked: torch.Tensor = dequantize_gguf_tensor(weight)
    return unpacked.detach().float()


def _plain(tensor: Any) -> bool:
    return tensor.tensor_type.name in _PLAIN
