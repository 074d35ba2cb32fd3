"""How long an optimizer step took here: what plans foretell by."""

import sqlite3

import msgspec

from core.records.recipe import Method, Recipe
from core.records.training import Plan

_LOOKED = 20  # newest trainings that are looked at
_POINTS = 30  # newest steps of one
_PLAN = msgspec.json.Decoder(Plan)


def step(
    connection: sqlite3.Connection, base_model: str, method: Method
) -> tuple[float, Recipe] | None:
    """Give the seconds of a step of the newest training of a model by a method, and its recipe.

    None where none took two steps.
    """
    found = connection.execute(
        """
        SELECT row, plan
        FROM (
            SELECT row, base_model, method, plan
            FROM trainings
            ORDER BY row DESC
            LIMIT :looked
        )
        WHERE base_model = :base_model AND method = :method AND plan IS NOT NULL
        ORDER BY row DESC
        """,
        {"base_model": base_model, "method": method, "looked": _LOOKED},
    ).fetchall()
    for row, text in found:
        seconds = sorted(
            float(each[0])
            for each in connection.execute(
                """
                SELECT seconds
                FROM training_losses
                WHERE training = :training
                ORDER BY step DESC
                LIMIT :points
                """,
                {"training": row, "points": _POINTS},
            )
        )
        if len(seconds) > 1:
            return seconds[len(seconds) // 2], _PLAN.decode(text).recipe
    return None
