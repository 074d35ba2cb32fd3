"""How fast each caller may ask. Knows no route and no token.

A caller is whoever its work counts for; one who showed nothing is the address it comes from.
"""

from core.errors import RequestError
from server.principal import Principal
from server.protocol import Meter

_KEPT = 4096  # callers; more, and those that asked nothing lately are forgotten


class Pace:
    """The meters of all callers."""

    def __init__(self, rate: int) -> None:
        """Begin with nobody.

        :param rate: requests a second; 0 for no bound.
        """
        self._rate = rate
        self._meters: dict[str, Meter] = {}

    def count(self, principal: Principal | None, address: str, now: float) -> None:
        """Count one request at ``now`` (seconds).

        :raises RequestError: ``too_many_requests``.
        """
        local = principal is not None and principal.token is None and not principal.acting
        if not self._rate or local:
            return
        caller = f"@{address}" if principal is None else principal.client
        meter = self._meters.get(caller)
        if meter is None:
            if len(self._meters) >= _KEPT:
                self._forget(now)
            meter = self._meters[caller] = Meter(self._rate)
        if meter.too_fast(now):
            raise RequestError("too_many_requests")

    def _forget(self, now: float) -> None:
        """Forget the idle; if nobody is, everybody: a bound that is lost for a second."""
        self._meters = {name: one for name, one in self._meters.items() if not one.idle(now)}
        if len(self._meters) >= _KEPT:
            self._meters.clear()
