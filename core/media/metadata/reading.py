"""From the texts of a picture to one record, whichever program wrote them.

Our own text wins; then InvokeAI's, NovelAI's, AUTOMATIC1111's where it holds settings, and
ComfyUI's graph.
Never raises: what is not understood is a remark.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from core.graph.describe import describe, details
from core.media.metadata import a1111, chunks, comfyui, exif, fooocus, invokeai, novelai, ours
from core.media.metadata.untrusted import (
    Remarks,
    document,
    name,
    real,
    sampling,
    text,
    whole,
)
from core.media.sniff import PNG
from core.records.provenance import LoraUsed, Provenance

MAX_LORAS = 64
# every repeat is bounded, so that no text takes quadratic time
_LORA = re.compile(r"<lora:([^:<>]{1,128}):(-?[\d.]{1,16})[^<>]{0,64}>")


def read_text(data: bytes) -> dict[str, str]:
    """Read the texts of a PNG, JPEG or WebP: keyword → text, bounded."""
    return chunks.read(data) if data.startswith(PNG) else exif.read(data)


def provenance(found: Mapping[str, str]) -> Provenance | None:
    """Say how a picture was made by its texts; None where none of them tells."""
    said = _ours(found) or invokeai.read(found) or novelai.read(found) or _a1111(found)
    if said is None or (said.source == "a1111" and said.steps is None):
        said = comfyui.read(found) or said
    return said


def _ours(found: Mapping[str, str]) -> Provenance | None:
    made = ours.read(found)
    if made is None:
        return None
    remarks = Remarks()
    if made.format > ours.FORMAT:
        remarks.add("metadata_newer", format=made.format)
    for part in made.left_out:
        remarks.add("metadata_left_out", part=part)
    facts: dict[str, Any] = dict(made.recipe or {})
    if made.graph is not None:
        graph = msgspec.structs.asdict(describe(made.graph)) | details(made.graph)._asdict()
        facts |= {field: value for field, value in graph.items() if value is not None}
    used = made.uses.get(text(facts.get("model")), ours.Used(kind=""))
    sampler, scheduler = text(facts.get("sampler")), text(facts.get("scheduler"))
    strength = real(facts.get("strength"), "strength", remarks)
    return Provenance(
        source="heliograph",
        version=made.version or None,
        prompt=text(facts.get("prompt")),
        negative_prompt=text(facts.get("negative_prompt")),
        seed=whole(facts.get("seed"), "seed", remarks),
        steps=whole(facts.get("steps"), "steps", remarks),
        sampler=sampler or None,
        scheduler=scheduler or None,
        guidance_scale=real(facts.get("guidance_scale"), "guidance_scale", remarks),
        width=whole(facts.get("width"), "width", remarks),
        height=whole(facts.get("height"), "height", remarks),
        strength=None if strength == 1 else strength,
        clip_skip=whole(facts.get("clip_skip"), "clip_skip", remarks),
        model=used.name or name(facts.get("model")),
        model_hash=used.sha256 or None,
        loras=_loras(text(facts.get("prompt")), remarks),
        raw={ours.KEYWORD: found[ours.KEYWORD]},
        remarks=remarks.problems,
    )


def _a1111(found: Mapping[str, str]) -> Provenance | None:
    written = found.get(a1111.KEYWORD)
    if not written:
        return None
    raw = {a1111.KEYWORD: written}
    if written.lstrip().startswith("{") and (content := document(written)) is not None:
        said = _swarmui(content, raw) or fooocus.read(content, raw)
        if said is not None:
            return said
    remarks = Remarks()
    made = a1111.read(written)
    sampler, scheduler = sampling(made.sampler or "", made.schedule or "", remarks)
    for field, value in made.others.items():
        remarks.add("metadata_unused", field=field, value=value)
    return Provenance(
        source="a1111",
        version=made.version and text(made.version),
        prompt=text(made.prompt),
        negative_prompt=text(made.negative_prompt),
        seed=whole(made.seed, "Seed", remarks),
        steps=whole(made.steps, "Steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(made.guidance_scale, "CFG scale", remarks),
        width=made.width,
        height=made.height,
        strength=real(made.strength, "Denoising strength", remarks),
        clip_skip=whole(made.clip_skip, "Clip skip", remarks),
        model=name(made.model),
        model_hash=name(made.model_hash),
        loras=_loras(made.prompt, remarks),
        raw=raw,
        remarks=remarks.problems,
    )


def _swarmui(whole_text: dict[str, Any], raw: dict[str, str]) -> Provenance | None:
    """Read SwarmUI's JSON, which stands under AUTOMATIC1111's keyword."""
    content = whole_text.get("sui_image_params")
    if not isinstance(content, dict):
        return None
    remarks = Remarks()
    schedule = text(content.get("scheduler"))
    sampler, scheduler = sampling(text(content.get("sampler")), schedule, remarks)
    return Provenance(
        source="swarmui",
        version=name(content.get("swarm_version")),
        prompt=text(content.get("prompt")),
        negative_prompt=text(content.get("negativeprompt")),
        seed=whole(content.get("seed"), "seed", remarks),
        steps=whole(content.get("steps"), "steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(content.get("cfgscale"), "cfgscale", remarks),
        width=whole(content.get("width"), "width", remarks),
        height=whole(content.get("height"), "height", remarks),
        model=name(content.get("model")),
        loras=_loras(text(content.get("prompt")), remarks),
        raw=raw,
        remarks=remarks.problems,
    )


def _loras(prompt: str, remarks: Remarks) -> list[LoraUsed]:
    return [
        LoraUsed(name=text(called), weight=real(weight, "lora", remarks))
        for called, weight in _LORA.findall(prompt)[:MAX_LORAS]
    ]
