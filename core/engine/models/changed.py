"""Changed weights: a file's tensors laid over a network that was read from its checkpoint.

As snapshots of a training hold them: all of a part, by diffusers' names. Knows one file, and the
note beside it of what else is drawn differently.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

_INNER = "text_model."  # transformers saves with it, or without
_UNSAVED = "position_ids"
_NOTE, _NOTE_BYTES = "snapshot.json", 1 << 20
_ZERO = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}


def lay(module: nn.Module, path: Path) -> None:
    """Copy the weights of a file into a network, in the format that it has.

    :raises ValueError: when their names or shapes are others.
    :raises OSError: when the file is gone.
    """
    own = {_plain(name): one for name, one in module.state_dict().items()}
    opened: Any = safe_open(str(path), framework="pt")
    with opened as file, torch.no_grad():
        names = {_plain(name): name for name in file.keys()}
        strange = {name for name in own.keys() ^ names.keys() if not name.endswith(_UNSAVED)}
        if strange:
            raise ValueError(f"{path.name} has another {min(strange)}")
        for plain, name in names.items():
            given = file.get_tensor(name)
            if own[plain].shape != given.shape:
                raise ValueError(f"{name} is of another shape")
            own[plain].copy_(given)
    config: Any = getattr(module, "scheduler_config", None)
    if config is not None and _note(path).get("ztsnr"):
        object.__setattr__(module, "scheduler_config", {**config, **_ZERO})


def _note(path: Path) -> dict[str, Any]:
    note = path.with_name(_NOTE)
    if not note.is_file() or note.stat().st_size > _NOTE_BYTES:
        return {}
    told = json.loads(note.read_text("utf-8"))
    return told if isinstance(told, dict) else {}


def _plain(name: str) -> str:
    return name.removeprefix(_INNER)
