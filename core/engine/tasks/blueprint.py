"""What a folder in diffusers' layout says beside its weights, for a checkpoint that is one file.

Configurations are told by names and shapes (``models.original``), tokenizers are those that ship.
Writes nothing: gives names and contents.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from core.engine.models import tokens
from core.engine.models.families import MODEL, Part, family_of
from core.engine.models.modules import transformers_lock
from core.engine.models.original.table import TABLE, facts
from core.engine.models.single_file import SingleFile
from core.engine.values import Handle
from core.errors import ModelUnreadable
from core.graph.catalogue import Resource

Json = dict[str, Any]

PIPELINES = {  # family → class in diffusers
    "sd1": "StableDiffusionPipeline", "sd2": "StableDiffusionPipeline",
    "sdxl": "StableDiffusionXLPipeline", "sd3": "StableDiffusion3Pipeline", "flux": "FluxPipeline",
}  # fmt: skip
_ZEROS = "force_zeros_for_empty_prompt"
_ABSENT = {  # parts that pipelines of a class may have, and these have not
    "StableDiffusionPipeline": ("safety_checker", "feature_extractor", "image_encoder"),
}


def blueprint(source: Resource) -> dict[str, bytes]:
    """Give every configuration and tokenizer of a checkpoint in one file: name → content.

    :raises ModelUnreadable: for a family that is not known, or a part that is not there.
    :raises ValueError: for weights of another layout, or a tokenizer of more words than they.
    :raises KeyError: when weights are missing.
    """
    name = source.name or Path(source.path).name
    family = family_of(source.family or "", name)
    class_name = PIPELINES.get(source.family or "")
    if class_name is None:
        raise ModelUnreadable("format_unsupported", model=name, format=source.format)
    index: Json = {"_class_name": class_name}
    files: dict[str, bytes] = {}
    for id_ in TABLE[source.family or ""]:
        part = family.parts[id_]
        single = SingleFile(_handle(source, id_), part)
        config = single.config()
        index[part.folder] = [part.library, part.kind]
        files[f"{part.folder}/config.json"] = _config(part, config)
        if id_ == MODEL:
            scheduler = single.scheduler()
            index["scheduler"] = ["diffusers", scheduler["_class_name"]]
            files["scheduler/scheduler_config.json"] = _text(scheduler)
        if part.tokenizer:
            index[part.tokenizer] = ["transformers", part.tokens]
            read_by = tokens.shipped_with(facts(source.family or "")[id_], config)
            files |= _saved(read_by, part.tokenizer)
    told = facts(source.family or "")
    if _ZEROS in told:
        index[_ZEROS] = told[_ZEROS]
    for absent in _ABSENT.get(class_name, ()):
        index[absent] = [None, None]
    if "safety_checker" in index:
        index["requires_safety_checker"] = False
    return files | {"model_index.json": _text(index)}


def _handle(source: Resource, part: str) -> Handle:
    return Handle(
        identity=source.identity, path=source.path, family=source.family or "", part=part,
        format=source.format,
    )  # fmt: skip


def _config(part: Part, config: Json) -> bytes:
    if part.library == "diffusers":
        return _text({"_class_name": part.kind, **config})
    import transformers

    with transformers_lock:
        made = getattr(transformers, part.kind).config_class(**config)
        made.architectures = [part.kind]
        return _text(made.to_dict())


def _saved(tokenizer: Any, name: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="heliograph-") as folder:
        with transformers_lock:
            tokenizer.save_pretrained(folder)
        return {f"{name}/{file.name}": file.read_bytes() for file in Path(folder).iterdir()}


def _text(content: Json) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode()
