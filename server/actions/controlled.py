"""What the controls of a request name: ControlNets and pictures. Writes nothing."""

from collections.abc import Mapping

from core.errors import Params, Problem
from core.graph.controls import MAX_CONTROLS, fits
from core.graph.fields import join
from core.records.graph import Json
from core.records.model import Model
from core.store import models
from server.actions import named
from server.principal import Principal
from server.state import State

KIND = "controlnet"


async def problems(
    state: State,
    principal: Principal,
    fields: Mapping[str, Json],
    model: Model | None,
    pointer: str,
) -> list[Problem]:
    """List the controls that name no ControlNet, one of another family, or no picture.

    Values that are not of their type are left to whoever checks the fields.

    :param model: what is to be steered.
    :param pointer: JSON pointer of the fields.
    """
    asked = fields.get("control")
    found: list[Problem] = []
    for place, one in enumerate(asked[:MAX_CONTROLS] if isinstance(asked, list) else ()):
        if not isinstance(one, Mapping):
            continue
        at = join(pointer, "control", place)
        net, image = one.get("model"), one.get("image")
        if isinstance(net, str):
            found += await _net(state, net, model, f"{at}/model")
        if isinstance(image, str) and await named.image(state, principal, image) is None:
            found.append(named.missing("unknown_image", f"{at}/image", image))
    return found


async def _net(state: State, name: str, model: Model | None, at: str) -> list[Problem]:
    net = await named.model(state, name, KIND)
    if net is None:
        other = await state.db.read(lambda connection: models.find(connection, name))
        if other is None:
            return [named.missing("unknown_model", at, name)]
        params: Params = {"name": name[:200], "kind": other.kind, "wanted": KIND}
        return [Problem(code="model_wrong_kind", pointer=at, params=params)]
    if model is None or fits(net.family, model.family):
        return []
    params = {"name": net.name, "family": net.family, "wanted": model.family}
    return [Problem(code="model_wrong_family", pointer=at, params=params)]
