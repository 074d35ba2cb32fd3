"""Prompt styles: words that are put around a prompt. Knows no store.

A style with ``{prompt}`` is a frame around the text, one without it comes after the text: the rule
of AUTOMATIC1111's styles, so that people's own work here as there.
"""

from core.errors import Params, Problem
from core.graph.fields import join

HOLE = "{prompt}"
MAX_STYLES = 16
MAX_LENGTH = 16_384  # characters of what comes out, as of any prompt


def styled(text: str, style: str) -> str | None:
    """Put a style around a text; what the text holds is never read as a style.

    :returns: None where that would be longer than a prompt may be; it is not made then.
    """
    if not style.strip():
        return text
    holes = style.count(HOLE)
    if len(style) + holes * (len(text) - len(HOLE)) > MAX_LENGTH:
        return None
    if holes:
        return style.replace(HOLE, text)
    made = ", ".join(part for part in (text.strip(), style.strip()) if part)
    return made if len(made) <= MAX_LENGTH else None


def too_long(pointer: str, place: int) -> Problem:
    """Say at which style the prompt becomes too long."""
    params: Params = {"limit": MAX_LENGTH}
    return Problem(code="styles_too_long", pointer=join(pointer, "styles", place), params=params)
