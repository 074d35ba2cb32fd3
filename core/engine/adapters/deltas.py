"""What an adapter adds to a weight, by the formulas of its kind; in float32, on any device.

* LoRA: up · down (Hu et al. 2021, https://arxiv.org/abs/2106.09685, §4.1), and with a core between
  them for convolutions (Tucker's form, as LyCORIS has it).
* LoHa: (a₁ b₁) ⊙ (a₂ b₂), FedPara's product (Hyeon-Woo et al. 2021,
  https://arxiv.org/abs/2108.06098, §2.1).
* LoKr: w₁ ⊗ w₂, Kronecker's product, either factor whole or of low rank (Yeh et al. 2023,
  https://arxiv.org/abs/2309.14859, §4.2).
* DoRA: what came out keeps its direction and gets a learned length (Liu et al. 2024,
  https://arxiv.org/abs/2402.09353, eq. 5).

Knows tensors by their role in a file (``files``); neither files nor networks.
"""

from collections.abc import Mapping, Sequence

import torch

Tensors = Mapping[str, torch.Tensor]


class Misfit(ValueError):
    """Raised when the tensors of a layer are not of one kind, or not of the weight's shape."""


def rank_of(tensors: Tensors) -> int | None:
    """Give the rank that alpha is divided by; ``None`` where nothing is of low rank."""
    for role in ("down", "hada_w1_b", "lokr_w2_b", "lokr_w1_b"):
        if role in tensors and tensors[role].dim() > 1:
            return int(tensors[role].shape[0])
    return None


def changed(weight: torch.Tensor, tensors: Tensors, scale: float) -> torch.Tensor | None:
    """Give what a layer's tensors add to its weight in full strength, shaped as the weight.

    Where the length is learned, too, that is the way from the weight to what it becomes: so half
    the strength is half of the way, and none is the weight itself.

    :param weight: float32, (out, in) or (out, in, h, w), or (out,) of a norm.
    :returns: float32, or ``None`` where nothing of them is for the weight.
    :raises Misfit: when shapes do not fit; found before anything large is made.
    """
    if not _known(tensors):
        return None
    empty = {role: torch.empty_like(one, device="meta") for role, one in tensors.items()}
    _shaped(_product(empty), weight.shape)
    there = {role: one.to(weight.device, torch.float32) for role, one in tensors.items()}
    added = _shaped(_product(there), weight.shape) * scale
    length = next((there[role] for role in ("magnitude", "dora_scale") if role in there), None)
    if length is None:
        return added
    return _lengthened(weight + added, length, "magnitude" in there) - weight


def changed_bias(tensors: Tensors, scale: float) -> torch.Tensor | None:
    """Give what they add to the bias, (out,) float32; ``None`` where there is no such thing."""
    if "diff_b" in tensors:
        return tensors["diff_b"].float()
    return tensors["bias"].float() * scale if "bias" in tensors else None


def _known(tensors: Tensors) -> bool:
    return any(role in tensors for role in ("up", "hada_w1_a", "lokr_w1", "lokr_w1_a", "diff"))


def _product(tensors: Tensors) -> torch.Tensor:
    """Multiply out what is stored, by the kind that it is of.

    :raises Misfit: when a tensor is missing, or shapes do not fit each other.
    """
    try:
        if "up" in tensors:
            return _lora(tensors)
        if "hada_w1_a" in tensors:
            return _low(tensors, "hada_w1", "hada_t1") * _low(tensors, "hada_w2", "hada_t2")
        if "diff" in tensors:
            return tensors["diff"]
        first, second = _factor(tensors, "lokr_w1"), _factor(tensors, "lokr_w2")
        return torch.kron(first.reshape(*first.shape, *[1] * (second.dim() - 2)), second)
    except (KeyError, IndexError, TypeError, RuntimeError, ValueError) as error:
        raise Misfit(str(error)) from error


def _lora(tensors: Tensors) -> torch.Tensor:
    down, up = tensors["down"], tensors["up"].flatten(1)
    if "mid" in tensors:
        return torch.einsum("om,mn...,ni->oi...", up, tensors["mid"], down.flatten(1))
    # (out, rank) · (rank, in × h × w) -> (out, in, h, w)
    return (up @ down.flatten(1)).reshape(up.shape[0], *down.shape[1:])


def _factor(tensors: Tensors, name: str) -> torch.Tensor:
    return tensors[name] if name in tensors else _low(tensors, name, f"{name[:-2]}t2")


def _low(tensors: Tensors, name: str, core: str) -> torch.Tensor:
    """Multiply two factors, (out, rank) and (rank, in), or with a core (rank, rank, h, w)."""
    first, second = tensors[f"{name}_a"], tensors[f"{name}_b"]
    if core not in tensors:
        return first @ second
    return torch.einsum("ij...,ip,jr->pr...", tensors[core], first, second)


def _shaped(made: torch.Tensor, shape: Sequence[int]) -> torch.Tensor:
    """Give the change in the weight's shape: a linear layer may be stored as a convolution."""
    fits = made.dim() > 0 and made.shape[0] == shape[0] and made.numel() == _count(shape)
    if not fits:
        raise Misfit(f"{tuple(made.shape)} is not {tuple(shape)}")
    return made.reshape(tuple(shape))


def _count(shape: Sequence[int]) -> int:
    count = 1
    for side in shape:
        count *= int(side)
    return count


def _lengthened(weight: torch.Tensor, length: torch.Tensor, of_outputs: bool) -> torch.Tensor:
    """Give each row of a weight, or each column, the length that was learned for it.

    peft learns one for each output; LyCORIS and OneTrainer for each output, or each input.

    :raises Misfit: when there are not as many lengths as rows or columns.
    """
    outputs, inputs = weight.shape[0], weight.shape[1] if weight.dim() > 1 else 1
    rows = of_outputs or (length.numel() == outputs and length.shape[:1] == (outputs,))
    if length.numel() != (outputs if rows else inputs):
        raise Misfit(f"{tuple(length.shape)} is no length of {tuple(weight.shape)}")
    kept = 0 if rows else 1
    others = [side for side in range(weight.dim()) if side != kept]
    norm: torch.Tensor = torch.linalg.vector_norm(weight, dim=others, keepdim=True)
    tiny = torch.finfo(torch.float32).tiny
    return weight * (length.reshape(norm.shape) / norm.clamp(min=tiny))
