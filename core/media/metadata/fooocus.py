"""What Fooocus writes: JSON of its own under AUTOMATIC1111's keyword."""

import re
from typing import Any

from core.media.metadata.untrusted import Remarks, name, real, sampling, text, whole
from core.records.provenance import LoraUsed, Provenance

MAX_LORAS = 64
_SIZE = re.compile(r"\(?\s{0,4}(\d{1,6})\s{0,4}[,x×]\s{0,4}(\d{1,6})\s{0,4}\)?")
_SUFFIX = re.compile(r"\.(?:safetensors|ckpt)$")


def read(content: dict[str, Any], raw: dict[str, str]) -> Provenance | None:
    """Read its fields; None for JSON of another program."""
    if "base_model" not in content or "prompt" not in content:
        return None
    remarks = Remarks()
    sampler, scheduler = sampling(
        text(content.get("sampler")), text(content.get("scheduler")), remarks
    )
    size = _SIZE.fullmatch(text(content.get("resolution"))[:32])
    layers = content.get("clip_skip")
    loras = content.get("loras")
    return Provenance(
        source="fooocus",
        version=name(content.get("version")),
        prompt=text(content.get("prompt")),
        negative_prompt=text(content.get("negative_prompt")),
        seed=whole(content.get("seed"), "seed", remarks),
        steps=whole(content.get("steps"), "steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(content.get("guidance_scale"), "guidance_scale", remarks),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        clip_skip=layers - 1 if type(layers) is int and 0 < layers < 25 else None,
        model=_stem(content.get("base_model")),
        model_hash=name(content.get("base_model_hash")),
        loras=[
            LoraUsed(name=called, weight=real(item[1], "loras", remarks))
            for item in (loras if isinstance(loras, list) else [])[:MAX_LORAS]
            if isinstance(item, list) and len(item) > 1 and (called := _stem(item[0]))
        ],
        raw=raw,
        remarks=remarks.problems,
    )


def _stem(file: object) -> str | None:
    called = name(file)
    return called and _SUFFIX.sub("", called)
