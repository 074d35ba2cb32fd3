"""What the protocols are given: uvicorn's settings, and ours beside them."""

from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from core.errors import HeliographError
from server.transport.census import Census
from server.transport.limits import Limits

Answer = Callable[[HeliographError, str | None], tuple[int, bytes]]  # (error, language) → problem


class TransportConfig(uvicorn.Config):
    """uvicorn's configuration, with the bounds of a connection and the words of a refusal."""

    def __init__(
        self, app: ASGIApp, *, limits: Limits, census: Census, answer: Answer, **options: Any
    ) -> None:
        super().__init__(
            app,
            ws_ping_interval=limits.ping,
            ws_ping_timeout=limits.pong,
            log_level="warning",  # below it uvicorn logs addresses with their queries
            **options,
        )
        self.limits, self.census, self.answer = limits, census, answer
