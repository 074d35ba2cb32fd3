"""What the engine's memory holds, for people and programs that ask."""

from typing import Annotated

from msgspec import Meta, Struct

from server.state import State


class MemoryInfo(Struct, frozen=True, kw_only=True):
    """The engine's memory as its last heartbeat told it. Bytes."""

    used: Annotated[int, Meta(description="Of the device; by this process for the CPU.")]
    total: int
    rss: Annotated[int, Meta(description="Of the engine's process in the machine's memory.")]
    weights_device: Annotated[int, Meta(description="Weights on a device with its own memory.")]
    weights_ram: int
    vram_budget: Annotated[int, Meta(description="What weights on the device may take.")]
    ram_budget: Annotated[int, Meta(description="Beyond it idle weights leave RAM.")]
    models: Annotated[list[str], Meta(description="Ids of models that are in memory.")]


def memory_of(state: State) -> MemoryInfo | None:
    """Tell what the engine's last heartbeat said; ``None`` before its first."""
    beat = state.dispatcher.vitals.heartbeat
    if beat is None:
        return None
    return MemoryInfo(
        used=beat.used, total=beat.total, rss=beat.rss, weights_device=beat.weights_device,
        weights_ram=beat.weights_ram, vram_budget=beat.vram_budget, ram_budget=beat.ram_budget,
        models=sorted(state.dispatcher.loaded),
    )  # fmt: skip
