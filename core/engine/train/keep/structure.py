"""Trees of tensors and plain values, such as an optimizer's state, as JSON and named tensors.

What pickle would do, without code: a tree is mappings (text or whole numbers as keys), lists,
tuples, tensors, texts, numbers, truth values and None. Every other value is refused when it is
split, and every unknown mark when it is joined, since what is read may come from anywhere.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch

from core.records.graph import Json

MAX_DEPTH = 64
_MAPPING, _LIST, _TUPLE, _TENSOR, _FLOAT = "map", "list", "tuple", "tensor", "float"


def split(tree: Any, tensors: dict[str, torch.Tensor], name: str = "") -> Json:
    """Take the tensors out of a tree, into ``tensors``, and give the rest as JSON.

    :param name: what the tensors' names begin with; ``state.0.exp_avg``.
    :raises TypeError: for a value that is none of those above.
    """
    if isinstance(tree, torch.Tensor):
        assert name not in tensors
        tensors[name] = tree.detach()
        return {_TENSOR: name}
    if tree is None or isinstance(tree, bool | str):
        return tree
    if isinstance(tree, int):
        return int(tree)  # an IntEnum, too
    if isinstance(tree, float):
        return float(tree) if math.isfinite(tree) else {_FLOAT: str(float(tree))}
    if isinstance(tree, Mapping):
        for key in tree:
            if not isinstance(key, str | int) or isinstance(key, bool):
                raise TypeError(f"{name}: a key of type {type(key).__name__}")
        return {
            _MAPPING: [
                [key, split(value, tensors, _below(name, key))] for key, value in tree.items()
            ]
        }
    if isinstance(tree, list | tuple):
        kind = _TUPLE if isinstance(tree, tuple) else _LIST
        return {kind: [split(one, tensors, _below(name, at)) for at, one in enumerate(tree)]}
    raise TypeError(f"{name}: a {type(tree).__name__}")


def join(told: Any, tensors: Mapping[str, torch.Tensor], depth: int = 0) -> Any:
    """Put a tree together again.

    :raises ValueError: when it is not what ``split`` gives, or a tensor is missing.
    """
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if told is None or isinstance(told, bool | str | int | float):
        return told
    if not isinstance(told, dict) or len(told) != 1:
        raise ValueError("not one mark")
    ((mark, value),) = told.items()
    if mark == _TENSOR and isinstance(value, str):
        if value not in tensors:
            raise ValueError("a tensor is missing")
        return tensors[value]
    if mark == _FLOAT and value in ("nan", "inf", "-inf"):
        return float(value)
    if not isinstance(value, list):
        raise ValueError("an unknown mark")
    if mark == _MAPPING:
        return {_key(one): join(one[1], tensors, depth + 1) for one in value}
    if mark not in (_LIST, _TUPLE):
        raise ValueError("an unknown mark")
    items = [join(one, tensors, depth + 1) for one in value]
    return tuple(items) if mark == _TUPLE else items


def copied(tree: Any) -> Any:
    """Copy a tree into RAM of its own; what trains on is not seen in it."""
    if isinstance(tree, torch.Tensor):
        return tree.detach().to("cpu", copy=True).contiguous()
    if isinstance(tree, Mapping):
        return {key: copied(value) for key, value in tree.items()}
    if isinstance(tree, list | tuple):
        items = [copied(one) for one in tree]
        return tuple(items) if isinstance(tree, tuple) else items
    return tree


def _key(pair: Any) -> str | int:
    if not isinstance(pair, list) or len(pair) != 2 or isinstance(pair[0], bool):
        raise ValueError("not a pair")
    if not isinstance(pair[0], str | int):
        raise ValueError("not a key")
    return pair[0]


def _below(name: str, key: str | int) -> str:
    return f"{name}.{key}" if name else str(key)
