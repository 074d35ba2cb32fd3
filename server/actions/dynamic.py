"""Dynamic prompts of a request: templates become axes of prompts. Writes nothing."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import anyio
import msgspec

from core.errors import Invalid, Params, Problem
from core.graph import axes as flat
from core.graph.axes import Placed
from core.graph.prompts import expansion
from core.graph.prompts.expansion import Mode
from core.graph.prompts.wildcards import Wildcards
from core.records.graph import Json
from server.state import State

_PROMPTS = ("prompt", "negative_prompt")  # each draws from a stream of its own


async def varied(
    state: State, mode: Mode, fields: Mapping[str, Json], axes: Sequence[Placed], pointer: str
) -> list[Placed]:
    """Add axes of prompts to those of a sweep.

    Random: every seed draws a prompt of its own, the same in every cell that has it.
    Combinatorial: every prompt there is, with everything else that is swept.

    :param fields: of the recipe, with prompts and ``seed``.
    :raises Invalid: as ``expansion.expand``, pointing at the prompt; ``axis_twice`` for a sweep of
        prompts.
    """
    if any(axis.sweeps("prompt") for axis in axes):
        params: Params = {"field": "dynamic_prompts", "setting": "prompt"}
        at = f"{pointer}/dynamic_prompts"
        raise Invalid(problems=(Problem(code="axis_twice", pointer=at, params=params),))
    find = Wildcards(state.layout.wildcards).find
    place = next((n for n, axis in enumerate(axes) if axis.sweeps("seed")), None)
    seeds = (fields["seed"],) if place is None else axes[place].values
    added: list[Placed] = []
    for stream, name in enumerate(_PROMPTS):
        if any(axis.sweeps(name) for axis in axes):
            continue
        at = f"{pointer}/{name}"
        text = fields[name]
        if mode == "random":
            prompts = await _apart(
                partial(expansion.by_seeds, text, seeds, find, stream=stream), at
            )
        else:
            prompts = await _apart(partial(expansion.expand, text, mode, find), at)
        if name == "prompt" or set(prompts) != {text}:
            added.append(Placed(setting=name, values=tuple(prompts), at=at))
    if mode == "random" and place is not None:
        return flat.beside(axes, place, *added)
    return [*added, *axes]


async def _apart(work: Callable[[], list[str]], pointer: str) -> list[str]:
    """Work off the loop, and point what is wrong at the prompt."""
    try:
        return await anyio.to_thread.run_sync(work)
    except Invalid as error:
        problems = [msgspec.structs.replace(each, pointer=pointer) for each in error.problems]
        raise Invalid(problems=tuple(problems)) from error
