"""Values of strangers' JSON, taken for what they should be or not at all, with a remark."""

import json
import math
from typing import Any

from core.errors import Params, Problem
from core.graph import samplers

MAX_WHOLE = 2**53 - 1  # what a browser still counts
MAX_TEXT = 64 * 1024  # characters of one prompt
MAX_REMARKS = 32
_MAX_SHOWN = 200  # characters of a value in a remark


class Remarks:
    """What was not understood, in the order it was met; bounded."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def add(self, code: str, **params: object) -> None:
        """Note one thing."""
        shown: Params = {name: text(str(value))[:_MAX_SHOWN] for name, value in params.items()}
        if len(self.problems) < MAX_REMARKS:
            self.problems.append(Problem(code=code, params=shown))


def document(source: str) -> dict[str, Any] | None:
    """Decode a JSON object; None for anything else. Takes NaN, which ComfyUI writes."""
    try:
        value = json.loads(source)
    except (ValueError, RecursionError):  # also of a number with thousands of digits
        return None
    return value if isinstance(value, dict) else None


def text(value: object) -> str:
    """Take a string, without halves of surrogate pairs, cut at a bound; anything else is empty."""
    if not isinstance(value, str):
        return ""
    return value[:MAX_TEXT].encode("utf-8", "replace").decode()


def name(value: object) -> str | None:
    """Take a name that is not empty."""
    return text(value).strip() or None


def whole(value: object, field: str, remarks: Remarks) -> int | None:
    """Take a whole number of 0 … 2^53 - 1; a remark for what is there and is none."""
    if value is None:
        return None
    number = _number(value)
    if number is not None and 0 <= number <= MAX_WHOLE and number == int(number):
        return int(number)
    remarks.add("metadata_value", field=field, value=_shown(value))
    return None


def real(value: object, field: str, remarks: Remarks) -> float | None:
    """Take a number within ± 1,000,000; a remark for what is there and is none."""
    if value is None:
        return None
    number = _number(value)
    if number is not None and abs(number) <= 1_000_000:
        return float(number)
    remarks.add("metadata_value", field=field, value=_shown(value))
    return None


def sampling(sampler: str, schedule: str, remarks: Remarks) -> tuple[str | None, str | None]:
    """Translate names of a sampler and a schedule; a remark for what has no equal here."""
    found = samplers.find(sampler, schedule)
    if sampler and found.sampler is None and sampler != samplers.MODEL:
        remarks.add("metadata_sampler", sampler=sampler)
    elif sampler and not found.exact and found.sampler is not None:
        remarks.add("metadata_nearest", sampler=sampler, nearest=found.sampler)
    if not samplers.unsaid(schedule) and samplers.find_schedule(schedule) is None:
        remarks.add("metadata_schedule", schedule=schedule)
    return found.sampler, found.schedule


def _number(value: object) -> int | float | None:
    if isinstance(value, str) and len(value) <= 32:
        try:
            value = float(value) if "." in value or "e" in value else int(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if isinstance(value, int) or math.isfinite(value) else None


def _shown(value: object) -> str:
    """Show a plain value; what is too long to be shown, and what is none, by its type."""
    if isinstance(value, str | float) or (isinstance(value, int) and value.bit_length() <= 256):
        return str(value)
    return type(value).__name__
