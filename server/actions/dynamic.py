"""Dynamic prompts of a request: one template becomes an axis of prompts. Writes nothing."""

from collections.abc import Mapping
from functools import partial

import anyio
import msgspec

from core.errors import Invalid, Params, Problem
from core.graph.prompts import expansion
from core.graph.prompts.expansion import Mode
from core.graph.prompts.wildcards import Wildcards
from core.records.graph import Json
from core.records.job import Axis, Span, Sweep
from server.state import State


async def varied(
    state: State,
    mode: Mode,
    fields: Mapping[str, Json],
    wanted: Sweep | None,
    *,
    swept: bool,
    pointer: str,
) -> Sweep:
    """Add the axis of prompts to a sweep.

    Random: every seed gets a prompt of its own, drawn with the first seed and its place.
    Combinatorial: every prompt there is, with every seed.

    :param fields: of the recipe, with ``prompt`` and ``seed``.
    :param wanted: what is swept beside: with ``count`` pictures, an axis of their seeds.
    :param swept: says that the request sweeps by itself.
    :raises Invalid: as ``expansion.expand``, pointing at the prompt; ``not_supported_yet`` for a
        mode that does not go with the sweep, ``axis_twice`` for a sweep of prompts.
    """
    axes = list(wanted.axes) if wanted else []
    zipped = wanted is not None and wanted.mode == "zip"
    at, params = f"{pointer}/dynamic_prompts", Params(field="dynamic_prompts", setting="prompt")
    if swept and any(axis.setting == "prompt" for axis in axes):
        raise Invalid(problems=(Problem(code="axis_twice", pointer=at, params=params),))
    if swept and (zipped or mode == "random"):
        raise Invalid(problems=(Problem(code="not_supported_yet", pointer=at, params=params),))
    pictures = 1
    if axes and mode == "random":
        assert isinstance(axes[0].values, Span)  # of seeds: the request sweeps nothing
        pictures = axes[0].values.count
    wildcards = Wildcards(state.layout.wildcards)
    work = partial(
        expansion.expand, fields["prompt"], mode, wildcards.find,
        seed=fields["seed"], count=pictures,
    )  # fmt: skip
    try:
        prompts = await anyio.to_thread.run_sync(work)
    except Invalid as error:
        at = f"{pointer}/prompt"
        problems = [msgspec.structs.replace(each, pointer=at) for each in error.problems]
        raise Invalid(problems=tuple(problems)) from error
    axis = Axis(setting="prompt", values=list(prompts))
    if mode == "random":
        return Sweep(axes=[*axes, axis], mode="zip")
    return Sweep(axes=[axis, *axes])
