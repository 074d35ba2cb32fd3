"""Parts of a model that may be taken from files of their own: which there are, and what fits.

Knows names of families; neither files nor networks.
"""

PARTS = ("vae", "text_encoder", "text_encoder_2", "text_encoder_3")
FORMATS = {part: "vae" if part == "vae" else "text_encoder" for part in PARTS}  # of the settings

_UNKNOWN = frozenset({"", "unknown"})
_SHARED = {"vae": (frozenset({"sd1", "sd2"}),)}  # families that were made with one and the same


def fits(kind: str, family: str, model: str) -> bool:
    """Say whether a file of one family may stand in for a part of a model of another.

    Text encoders are those of many families; whether one is of the right kind is seen when it is
    read.
    """
    both = {family, model} - _UNKNOWN
    if kind == "text_encoder" or len(both) < 2:
        return True
    return any(both <= group for group in _SHARED.get(kind, ()))
