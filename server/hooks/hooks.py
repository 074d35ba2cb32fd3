"""The webhooks of one server: the secret, whom they may reach, and the bell of who delivers them.

``server.hooks.deliverer`` delivers.
"""

import anyio

from core.config import Settings
from core.errors import ConfigRefused, Problem
from core.library.addresses import Guard
from core.store.times import now
from server.hooks.secret import Secret


class Hooks:
    """What actions and the deliverer share."""

    def __init__(self, settings: Settings, secret: Secret) -> None:
        self.secret = secret
        self.guard = guard_of(settings)
        self.now = now  # milliseconds since 1970
        self._bell = anyio.Event()

    def hang(self) -> anyio.Event:
        """Give the bell that rings next."""
        self._bell = anyio.Event()
        return self._bell

    def ring(self) -> None:
        """Look for work: something ended, or is to be delivered again."""
        self._bell.set()


def guard_of(settings: Settings) -> Guard:
    """Make the guard that the settings ask for.

    :raises ConfigRefused: for a network that is none.
    """
    try:
        return Guard(settings.webhook_private)
    except ValueError as error:
        params = {"source": "webhook_private", "reason": str(error)}
        problem = Problem(code="bad_setting", pointer="/webhook_private", params=dict(params))
        raise ConfigRefused(problems=(problem,)) from error
