"""Words for what is worth knowing of a run: warnings are kept as codes, and shown as sentences."""

from collections.abc import Sequence
from typing import TypeVar

from msgspec import structs

from core.errors import Problem
from core.records.training import Plan, Training, Warned
from server.state import State

Told = TypeVar("Told", Plan, Training)


def of(state: State, told: Told, language: str | None = None) -> Told:
    """Put words to the warnings of a plan, or of a training and its plan.

    :param language: null is the server's own.
    """
    spoken = language or state.words.choose(None)
    if isinstance(told, Training) and told.plan is not None:
        told = structs.replace(told, plan=of(state, told.plan, spoken))
    return structs.replace(told, warnings=said(state, told.warnings, spoken))


def said(state: State, warnings: Sequence[Warned], language: str) -> list[Warned]:
    """Put words to warnings."""
    return [
        structs.replace(
            one,
            message=state.words.explain(language, Problem(code=one.code, params=one.params)),
        )
        for one in warnings
    ]
