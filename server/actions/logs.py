"""The verb of the log: read its newest lines from afar."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.log_ring import LogLine
from server.principal import Principal
from server.state import State


class ReadLogs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which lines are wanted."""

    after: Annotated[int, Meta(ge=0, description="Number of the last line that was seen.")] = 0
    limit: Annotated[int, Meta(ge=1, le=1000)] = 200
    level: Annotated[
        Literal["INFO", "WARNING", "ERROR"], Meta(description="The least that is wanted.")
    ] = "INFO"


class LogPage(Struct, frozen=True, kw_only=True):
    """Lines of the log, oldest first."""

    items: list[LogLine]
    next: Annotated[int, Meta(description="Send it as `after` for the lines that follow.")]
    boot: Annotated[str, Meta(description="Numbers begin anew with each start.")]


async def read_log(state: State, principal: Principal, ask: ReadLogs) -> LogPage:
    """Read lines of the log from the last 2,000; never anything below INFO."""
    items = state.log_ring.after(ask.after, ask.limit, ask.level)
    return LogPage(items=items, next=items[-1].seq if items else ask.after, boot=state.boot)
