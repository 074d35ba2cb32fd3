"""Places within a setting: ``loras[0].weight`` names one value of a list of objects.

Pure functions over JSON values; knows no nodes.
"""

import re
from collections.abc import Mapping

from core.records.graph import Json

MAX_STEPS = 8

_PATH = re.compile(r"(?P<head>[^.\[\]]+)(?P<tail>(?:\.[^.\[\]]+|\[\d{1,6}\])*)")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def split(setting: str) -> tuple[str, tuple[str | int, ...]]:
    """Give the setting's own name, and the steps from there; a plain name has none.

    What is no path is a name, which no setting has.
    """
    found = _PATH.fullmatch(setting)
    if found is None:
        return setting, ()
    steps = tuple(name or int(index) for name, index in _STEP.findall(found["tail"]))
    return (found["head"], steps) if len(steps) <= MAX_STEPS else (setting, ())


def moved(setting: str, head: str) -> str:
    """Give the same place in a setting of another name."""
    own, steps = split(setting)
    return head + setting[len(own) :] if steps else head


def put(values: Mapping[str, Json], setting: str, value: Json) -> Json:
    """Give what the whole setting becomes with ``value`` at a place; nothing is changed.

    :raises LookupError: when the place is not there.
    """
    head, steps = split(setting)
    return _put(values.get(head), steps, value)


def overlap(one: str, other: str) -> bool:
    """Say whether two places are one, or one holds the other."""
    (first, above), (second, below) = split(one), split(other)
    shorter = min(len(above), len(below))
    return first == second and above[:shorter] == below[:shorter]


def _put(before: Json, steps: tuple[str | int, ...], value: Json) -> Json:
    if not steps:
        return value
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        if not isinstance(before, list) or step >= len(before):
            raise LookupError(step)
        return [*before[:step], _put(before[step], rest, value), *before[step + 1 :]]
    if not isinstance(before, dict) or (rest and step not in before):
        raise LookupError(step)
    return {**before, step: _put(before.get(step), rest, value)}
