"""The model that a fake training makes: with the names and shapes of a real one, and zeros.

Read back by the library as what it stands for: a LoRA, a learned token, or a whole checkpoint.
"""

import hashlib
import json
import math
import shutil
import struct
from pathlib import Path

import msgspec

from core import staged
from core.ipc.commands import RunTraining
from core.library.made import KEY, Origin
from core.records.task import MadeFile, MadeModel

_LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
_WIDTH, _OUT = 768, 320  # of Stable Diffusion 1's cross attention
_RANK = 4


def write(command: RunTraining) -> MadeModel:
    """Write the model where models are made, as the recipe's method has it.

    :raises OSError: when it cannot be written.
    """
    making, name = Path(command.making), command.name
    if command.recipe.method == "full":
        return _whole(command)
    words = " ".join(part for one in command.subjects[:1] for part in (one.token, one.class_word))
    metadata = {
        KEY: msgspec.json.encode(origin(command)).decode(),
        "modelspec.title": name,
        "modelspec.trigger_phrase": words,
    }
    shapes: dict[str, list[int]] = {"emb_params": [1, _WIDTH]}
    if command.recipe.method != "embedding":
        shapes = {
            f"{_LAYER}.lora_down.weight": [_RANK, _WIDTH],
            f"{_LAYER}.lora_up.weight": [_OUT, _RANK],
            f"{_LAYER}.alpha": [],
        }
    data = safetensors(shapes, metadata)
    path = making / f"{command.job}.safetensors"
    staged.write(path, data)
    return MadeModel(path=path.name, name=name, files=[_file("", data)])


def export(command: RunTraining, source: Path, file: str) -> int:
    """Copy a file of a model, or its weights' one, where exports lie; give its bytes.

    :raises OSError: when it cannot be written.
    """
    if source.is_dir():
        source = next(path for path in sorted(source.rglob("*.safetensors")))
    data = source.read_bytes()
    folder = Path(command.folder, "exports")
    folder.mkdir(parents=True, exist_ok=True)
    staged.write(folder / file, data)
    return len(data)


def safetensors(shapes: dict[str, list[int]], metadata: dict[str, str]) -> bytes:
    """Encode tensors of zeros, float16, with metadata."""
    entries: dict[str, object] = {"__metadata__": metadata}
    place = 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        entries[name] = {"dtype": "F16", "shape": shape, "data_offsets": [place, place + size]}
        place += size
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(place)


def origin(command: RunTraining) -> Origin:
    """Say how the model came to be."""
    return Origin(job=command.job, task="train", version="fake")


def _whole(command: RunTraining) -> MadeModel:
    """Copy the base's folder; none of its weights has learned anything."""
    source = Path(command.resources[command.base].path)
    folder = Path(command.making, command.job)
    shutil.copytree(source, folder, dirs_exist_ok=True)
    own = json.dumps({KEY: msgspec.to_builtins(origin(command))}).encode()
    staged.write(folder / "heliograph.json", own)
    files = [
        _file(path.relative_to(folder).as_posix(), path.read_bytes())
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]
    return MadeModel(path=folder.name, name=command.name, files=files)


def _file(name: str, data: bytes) -> MadeFile:
    return MadeFile(name=name, size=len(data), sha256=hashlib.sha256(data).hexdigest())
