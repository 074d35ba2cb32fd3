"""What NovelAI writes: ``Comment``, as JSON, in a PNG whose ``Software`` says its name."""

from collections.abc import Mapping

from core.media.metadata.untrusted import Remarks, document, name, real, sampling, text, whole
from core.records.provenance import Provenance

KEYWORD, PROGRAM = "Comment", "Software"


def read(found: Mapping[str, str]) -> Provenance | None:
    """Read its text; None where it is not there."""
    if found.get(PROGRAM) != "NovelAI" or KEYWORD not in found:
        return None
    raw = {word: found[word] for word in (KEYWORD, "Description", "Source") if word in found}
    remarks = Remarks()
    content = document(found[KEYWORD])
    if content is None:
        remarks.add("metadata_unreadable", keyword=KEYWORD)
        return Provenance(
            source="novelai", prompt=text(found.get("Description")), raw=raw,
            remarks=remarks.problems,
        )  # fmt: skip
    sampler, scheduler = sampling(
        text(content.get("sampler")), text(content.get("noise_schedule")), remarks
    )
    return Provenance(
        source="novelai",
        prompt=text(content.get("prompt")) or text(found.get("Description")),
        negative_prompt=text(content.get("uc")),
        seed=whole(content.get("seed"), "seed", remarks),
        steps=whole(content.get("steps"), "steps", remarks),
        sampler=sampler,
        scheduler=scheduler,
        guidance_scale=real(content.get("scale"), "scale", remarks),
        width=whole(content.get("width"), "width", remarks),
        height=whole(content.get("height"), "height", remarks),
        strength=real(content.get("strength"), "strength", remarks),
        model=name(found.get("Source")),
        raw=raw,
        remarks=remarks.problems,
    )
