"""What a picture is called when it is downloaded, and how a header says so. Reads no files."""

from urllib.parse import quote

from core import naming
from core.records.image import Image


def name_of(image: Image, index: int, pattern: str) -> str:
    """Fill a pattern with what is known of a picture; the name has no extension.

    :param index: place in what is downloaded, 1 first.
    """
    day, _, clock = image.created[:19].partition("T")
    clock = clock.replace(":", "-")
    values = {
        "id": image.id, "index": f"{index:04d}", "date": day, "time": clock,
        "created": f"{day}T{clock}", "kind": image.kind, "prompt": image.prompt,
        "negative_prompt": image.negative_prompt, "model": image.model, "seed": image.seed,
        "steps": image.steps, "sampler": image.sampler, "guidance_scale": image.guidance_scale,
        "width": image.width, "height": image.height, "batch": image.batch, "job": image.job,
    }  # fmt: skip
    return naming.safe(naming.fill(pattern, values), image.id)


def disposition(name: str, *, attachment: bool = False) -> str:
    """Write ``Content-Disposition`` (RFC 6266 §4): in UTF-8, and in ASCII.

    :param name: a safe one.
    """
    kind = "attachment" if attachment else "inline"
    plain = name.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"{kind}; filename*=UTF-8''{quote(name, safe='')}; filename=\"{plain}\""
