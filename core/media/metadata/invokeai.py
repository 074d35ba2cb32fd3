"""What InvokeAI writes: ``invokeai_metadata``, before its version 3 ``sd-metadata``.

Before its version 2 it wrote ``Dream``, which is the line that was typed.
"""

import re
from collections.abc import Mapping
from typing import Any

from core.media.metadata.untrusted import (
    MAX_TEXT,
    Remarks,
    document,
    name,
    real,
    sampling,
    text,
    whole,
)
from core.records.provenance import LoraUsed, Provenance

NEW, OLD, FIRST = "invokeai_metadata", "sd-metadata", "Dream"
WORKFLOWS = ("invokeai_workflow", "invokeai_graph")  # what its editor saved; else what ran
MAX_LORAS = 64
_LINE = re.compile(r'"((?:[^"\\]|\\.){0,65536})"(.{0,1024})', re.DOTALL)
_FLAG = re.compile(r"-([sSWHCA])\s{0,4}([\w.]{1,64})")
_NEGATIVE = re.compile(r"\[([^\[\]]{0,16384})\]")  # version 2 kept the negative prompt in brackets


def read(found: Mapping[str, str]) -> Provenance | None:
    """Read either text; None where neither is there."""
    for keyword, reader in ((NEW, _new), (OLD, _old)):
        if keyword not in found:
            continue
        raw = {keyword: found[keyword]}
        remarks = Remarks()
        content = document(found[keyword])
        if content is None:
            remarks.add("metadata_unreadable", keyword=keyword)
            return Provenance(source="invokeai", raw=raw, remarks=remarks.problems)
        return reader(content, raw, remarks)
    return _first(found[FIRST]) if FIRST in found else None


def workflow(found: Mapping[str, str]) -> str | None:
    """Give the text of the workflow that made a picture; None where none stands in it."""
    texts = (found.get(keyword, "") for keyword in WORKFLOWS)
    return next((one for one in texts if one.lstrip().startswith("{")), None)


def _first(line: str) -> Provenance | None:
    """Read ``"a prompt" -s50 -S123 -W512 -H512 -C7.5 -Ak_lms``; None for a line of another kind."""
    found = _LINE.fullmatch(line[:MAX_TEXT].strip())
    if found is None:
        return None
    said = {flag: value.strip() for flag, value in _FLAG.findall(found[2])}
    remarks = Remarks()
    sampler, scheduler = sampling(said.get("A", ""), "", remarks)
    prompt = text(found[1].replace('\\"', '"'))
    return Provenance(
        source="invokeai",
        prompt=_NEGATIVE.sub("", prompt).strip(),
        negative_prompt=", ".join(part.strip() for part in _NEGATIVE.findall(prompt)),
        seed=whole(said.get("S"), "S", remarks),
        steps=whole(said.get("s"), "s", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(said.get("C"), "C", remarks),
        width=whole(said.get("W"), "W", remarks),
        height=whole(said.get("H"), "H", remarks),
        raw={FIRST: line},
        remarks=remarks.problems,
    )


def _new(content: dict[str, Any], raw: dict[str, str], remarks: Remarks) -> Provenance:
    sampler, scheduler = sampling(text(content.get("scheduler")), "", remarks)
    model, model_hash = _model(content.get("model"))
    loras = content.get("loras")
    return Provenance(
        source="invokeai",
        version=name(content.get("app_version")),
        prompt=text(content.get("positive_prompt")),
        negative_prompt=text(content.get("negative_prompt")),
        seed=whole(content.get("seed"), "seed", remarks),
        steps=whole(content.get("steps"), "steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(content.get("cfg_scale"), "cfg_scale", remarks),
        width=whole(content.get("width"), "width", remarks),
        height=whole(content.get("height"), "height", remarks),
        strength=real(content.get("strength"), "strength", remarks),
        clip_skip=whole(content.get("clip_skip"), "clip_skip", remarks),
        model=model,
        model_hash=model_hash,
        loras=[
            used
            for item in (loras if isinstance(loras, list) else [])[:MAX_LORAS]
            if isinstance(item, dict) and (used := _lora(item, remarks))
        ],
        raw=raw,
        remarks=remarks.problems,
    )


def _old(content: dict[str, Any], raw: dict[str, str], remarks: Remarks) -> Provenance:
    image = content.get("image")
    image = image if isinstance(image, dict) else {}
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        parts = [item.get("prompt") for item in prompt[:MAX_LORAS] if isinstance(item, dict)]
        prompt = " ".join(text(part) for part in parts)
    prompt = text(prompt)
    negative = ", ".join(part.strip() for part in _NEGATIVE.findall(prompt))
    sampler, scheduler = sampling(text(image.get("sampler")), "", remarks)
    return Provenance(
        source="invokeai",
        version=name(content.get("app_version")),
        prompt=_NEGATIVE.sub("", prompt).strip(),
        negative_prompt=negative,
        seed=whole(image.get("seed"), "seed", remarks),
        steps=whole(image.get("steps"), "steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(image.get("cfg_scale"), "cfg_scale", remarks),
        width=whole(image.get("width"), "width", remarks),
        height=whole(image.get("height"), "height", remarks),
        strength=real(image.get("strength"), "strength", remarks),
        model=name(content.get("model_weights")) or name(content.get("model")),
        model_hash=name(content.get("model_hash")),
        raw=raw,
        remarks=remarks.problems,
    )


def _model(model: object) -> tuple[str | None, str | None]:
    """Take name and hash of a model; version 3 called the first ``model_name``."""
    if not isinstance(model, dict):
        return name(model), None
    return name(model.get("name")) or name(model.get("model_name")), name(model.get("hash"))


def _lora(item: dict[str, Any], remarks: Remarks) -> LoraUsed | None:
    called, _ = _model(item.get("model") or item.get("lora"))
    if called is None:
        return None
    return LoraUsed(name=called, weight=real(item.get("weight"), "weight", remarks))
