"""Tags of prompts: models that are named in the text.

    adapter   = ( "<lora:" | "<lyco:" ) name { ":" argument } ">"
    argument  = number | "te=" number | "unet=" number

One number is for both networks, two are for text encoder and denoiser, as AUTOMATIC1111 reads it:
https://github.com/AUTOMATIC1111/stable-diffusion-webui/wiki/Features. Knows no library.
"""

import re
from collections.abc import Collection

from core.graph.prompts.reading import Lora, product

NUMBER = r"[+-]?(?:\d{1,4}(?:\.\d{0,9})?|\.\d{1,9})"

_LORA = re.compile(r"<(?:lora|lyco):([^<>:]{1,512})((?::[^<>:]{0,64}){0,4})>")
_ARGUMENT = re.compile(rf"\s*(?:(te|unet)\s*=\s*)?({NUMBER})\s*")


def adapter(text: str, at: int) -> tuple[Lora, int] | None:
    """Read the tag of an adapter that begins at a place; give where the text goes on."""
    found = _LORA.match(text, at)
    if found is None:
        return None
    plain: list[float] = []
    named: dict[str, float] = {}
    for argument in found[2].split(":")[1:]:
        given = _ARGUMENT.fullmatch(argument)
        if given is not None and given[1]:
            named[given[1]] = float(given[2])
        elif given is not None:
            plain.append(float(given[2]))
    te = named.get("te", plain[0] if plain else 1.0)
    unet = named.get("unet", plain[1] if len(plain) > 1 else te)
    return Lora(found[1].strip(), unet, te), found.end()


def without(text: str, known: Collection[str]) -> tuple[str, set[str]]:
    """Give a text without the tags of adapters that are not ``known``, and all that it names."""
    names = {found[1].strip() for found in _LORA.finditer(text)}
    return _LORA.sub(lambda tag: tag[0] if tag[1].strip() in known else "", text), names


def summed(one: Lora | None, other: Lora) -> Lora:
    """Add up two tags of one adapter; the text encoder's weight is told where it is another."""
    te, unet = other.weight if other.text is None else other.text, other.weight
    if one is not None:
        te += one.weight if one.text is None else one.text
        unet += one.weight
    te, unet = product(te, 1.0), product(unet, 1.0)
    return Lora(other.name, unet, None if te == unet else te)
