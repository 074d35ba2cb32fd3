"""The model and the pictures that a request's fields name, or that stand in. Writes nothing."""

from collections.abc import Mapping

from core.errors import Problem
from core.graph import recipes
from core.records.graph import Json
from core.records.model import Model
from core.store import drawable, models
from server.actions import named
from server.actions.swept import STARTER
from server.principal import Principal
from server.state import State


async def default_model(state: State) -> Model | None:
    """Choose the model for a request that names none: the starter, else the newest checkpoint."""
    found = await state.db.read(lambda connection: models.page(connection, "checkpoint", limit=200))
    starter = [model for model in found.items if model.source == STARTER]
    return next(iter(starter or found.items), None)


async def model(
    state: State, recipe: str, fields: Mapping[str, Json], pointer: str
) -> tuple[Model | None, list[Problem]]:
    """Look up the model that the fields name, or choose one for a recipe that takes one."""
    if not recipes.takes(recipe, "model"):
        return None, []
    name = fields.get("model")
    if name is None:
        return await default_model(state), []
    if not isinstance(name, str):
        return None, []
    model = await state.db.read(lambda connection: drawable.find(connection, name, "checkpoint"))
    if model is None and name == STARTER:
        model = await default_model(state)
    if model is None:
        code = await named.absent(state, name, "checkpoint")
        return None, [named.missing(code, f"{pointer}/model", name)]
    return model, []


async def picture(
    state: State,
    principal: Principal,
    fields: Mapping[str, Json],
    field: str,
    pointer: str,
    problems: list[Problem],
) -> tuple[int, int] | None:
    """Give the size of the picture that a field names; note where there is none."""
    image = fields.get(field)
    if not isinstance(image, str):
        return None
    found = await named.image(state, principal, image)
    if found is None:
        problems.append(named.missing("unknown_image", f"{pointer}/{field}", image))
    return found
