"""What the controls of a request name: ControlNets and pictures. Writes nothing."""

from collections.abc import Mapping, Sequence

from anyio.lowlevel import checkpoint

from core.errors import Params, Problem
from core.graph.controls import MAX_CONTROLS, fits
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.sweep import BoundAxis, Cell
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


async def of_cells(
    state: State,
    fields: Mapping[str, Json],
    axes: Sequence[BoundAxis],
    pointers: Sequence[str],
    cells: Sequence[Cell],
) -> list[Problem]:
    """List nets and models of a sweep that are of two families, each pair once, at the net's value.

    At the model's, where the net is in no axis.

    :param fields: complete ones of the recipe, for what is not swept.
    :param pointers: of each axis.
    """
    places = {axis.field: n for n, axis in enumerate(axes) if axis.replace is None}
    on = places.get("model")
    known: dict[tuple[str, str], Model | None] = {}  # each is looked up once
    found: dict[str, Problem] = {}  # by pointer
    for entry, one in enumerate(fields.get("control", ())):
        own = places.get(f"control[{entry}].model")
        blamed = on if own is None else own
        if blamed is None:
            continue
        pairs = dict.fromkeys(
            (
                one["model"] if own is None else cell[own],
                fields["model"] if on is None else cell[on],
            )
            for cell in cells
        )
        for pair in pairs:
            await checkpoint()
            for key in zip((KIND, "checkpoint"), pair, strict=True):
                if key not in known:
                    known[key] = await named.model(state, key[1], key[0])
            value = pair[0] if own is not None else pair[1]
            at = join(pointers[blamed], "values", axes[blamed].values.index(value))
            net, model = known[KIND, pair[0]], known["checkpoint", pair[1]]
            for problem in _apart(net, model, at):
                found.setdefault(at, problem)
            if len(found) >= MAX_PROBLEMS:
                return [*found.values()]
    return [*found.values()]


async def _net(state: State, name: str, model: Model | None, at: str) -> list[Problem]:
    net = await named.model(state, name, KIND)
    if net is None:
        other = await state.db.read(lambda connection: models.find(connection, name))
        if other is None:
            return [named.missing(await named.absent(state, name), at, name)]
        params: Params = {"name": name[:200], "kind": other.kind, "wanted": KIND}
        return [Problem(code="model_wrong_kind", pointer=at, params=params)]
    return _apart(net, model, at)


def _apart(net: Model | None, model: Model | None, at: str) -> list[Problem]:
    """Say that a net and a model are of two families, where both are known."""
    if net is None or model is None or fits(net.family, model.family):
        return []
    params: Params = {"name": net.name, "family": net.family, "wanted": model.family}
    return [Problem(code="model_wrong_family", pointer=at, params=params)]
