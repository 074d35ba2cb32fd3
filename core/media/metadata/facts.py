"""From a picture's metadata to what the gallery is searched by."""

from core.records.image import ImageFacts
from core.records.provenance import LoraUsed, Provenance

_MARKS = frozenset("<>:")  # that end a name inside a tag


def facts(said: Provenance | None) -> ImageFacts:
    """Say what made a picture; LoRAs that the prompt does not name stand at its end as tags."""
    if said is None:
        return ImageFacts()
    tags = [
        _tag(lora)
        for lora in said.loras
        if not _MARKS & {*lora.name} and f"<lora:{lora.name}:" not in said.prompt
    ]
    prompt = " ".join([said.prompt, *tags])
    return ImageFacts(
        prompt=prompt.strip() or None,
        negative_prompt=said.negative_prompt or None,
        model=said.model or said.model_hash,
        seed=said.seed,
        steps=said.steps,
        sampler=said.sampler,
        guidance_scale=said.guidance_scale,
    )


def _tag(lora: LoraUsed) -> str:
    weight = 1.0 if lora.weight is None else lora.weight
    return f"<lora:{lora.name}:{weight:g}>"
