"""What the picture prompts of a request name: IP-Adapters and pictures. Writes nothing."""

from collections.abc import Mapping

import msgspec

from core.errors import Problem
from core.graph.fields import join
from core.graph.image_prompts import MAX_IMAGE_PROMPTS
from core.records.graph import Json
from core.records.model import Model
from server.actions import named
from server.actions.adapting import Shelf
from server.principal import Principal
from server.state import State

KIND = "ip_adapter"


async def problems(
    state: State,
    principal: Principal,
    fields: Mapping[str, Json],
    model: Model | None,
    pointer: str,
) -> list[Problem]:
    """List the picture prompts that name no IP-Adapter, one of another family, or no picture.

    Values that are not of their type are left to whoever checks the fields.

    :param model: what draws.
    :param pointer: JSON pointer of the fields.
    """
    asked = fields.get("image_prompts")
    listed = asked[:MAX_IMAGE_PROMPTS] if isinstance(asked, list) else []
    uses = [(place, one) for place, one in enumerate(listed) if isinstance(one, Mapping)]
    if not uses:
        return []
    shelf, on = Shelf(state), None if model is None else model.id
    names = [one["model"] for _, one in uses if isinstance(one.get("model"), str)]
    await shelf.look([*((KIND, name) for name in names), *([("checkpoint", on)] if on else ())])
    found: list[Problem] = []
    for place, one in uses:
        at = join(pointer, "image_prompts", place)
        adapter, image = one.get("model"), one.get("image")
        if isinstance(adapter, str) and (problem := shelf.problem(KIND, adapter, on)) is not None:
            found.append(msgspec.structs.replace(problem, pointer=f"{at}/model"))
        if isinstance(image, str) and await named.image(state, principal, image) is None:
            found.append(named.missing("unknown_image", f"{at}/image", image))
    return found
