"""Words for what was odd about pictures, in the server's language; codes are kept without them."""

from typing import TypeVar

import msgspec

from core.errors import Problem
from core.records.training import Dataset, DatasetImage, Quarantined
from server.state import State

T = TypeVar("T", Dataset, DatasetImage, Quarantined, DatasetImage | Quarantined)


def of(state: State, found: T) -> T:
    """Say in words why files are refused and what was odd about those that are kept."""
    language = state.words.choose(None)
    if isinstance(found, Dataset):
        return msgspec.structs.replace(
            found,
            kept=[of(state, image) for image in found.kept],
            quarantined=[of(state, each) for each in found.quarantined],
        )

    if isinstance(found, Quarantined):
        problem = Problem(code=found.code, params=found.params)
        return msgspec.structs.replace(found, message=state.words.explain(language, problem))
    notes = [
        msgspec.structs.replace(
            note, message=state.words.say(language, f"warnings.{note.code}", note.params) or ""
        )
        for note in found.notes
    ]
    return msgspec.structs.replace(found, notes=notes) if notes else found
