"""What the first bytes of a file say it is, so that a pickle is refused before the rest comes.

The content decides and never the name. Knows no whole file: ``header`` reads those.
"""

from core.errors import Invalid, UnsupportedType
from core.library import gguf, header

ENOUGH = 9  # bytes that tell


def suffix_of(start: bytes) -> str:
    """Tell ``.safetensors`` or ``.gguf`` from the first nine bytes or more.

    :raises UnsupportedType: ``model_format_unsafe`` for a pickle, in a ZIP or bare.
    :raises Invalid: ``safetensors_invalid`` for anything else.
    """
    if start.startswith(gguf.MAGIC):
        return ".gguf"
    if start[8:9] == b"{":
        return ".safetensors"
    if start.startswith(header.PICKLES):
        raise UnsupportedType("model_format_unsafe")
    raise Invalid("safetensors_invalid", reason="header length" if len(start) > 8 else "too short")
