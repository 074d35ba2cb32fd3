"""How many connections are open, in all and from each address. Knows no protocol."""

import ipaddress
from asyncio import BaseTransport
from collections import Counter

_PREFIX = 64  # bits of an IPv6 address that one subscriber is given whole


class Census:
    """The open connections of one server."""

    def __init__(self, total: int, of_one: int, spare: int) -> None:
        """Begin with none.

        :param of_one: from one address, loopback aside; 0 for no bound.
        :param spare: over ``total``, that are told so before they are closed.
        """
        self._total, self._of_one, self._spare = total, of_one, spare
        self._open: dict[BaseTransport, str] = {}
        self._by_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._open)

    @property
    def overrun(self) -> bool:
        """Say whether there are so many that a new one is not even told."""
        return len(self._open) > self._total + self._spare

    def enter(self, transport: BaseTransport) -> bool:
        """Count a connection; False when it is one too many. It is counted until it leaves."""
        address = _address(transport)
        self._open[transport] = address
        self._by_address[address] += 1
        many = len(self._open) > self._total
        # Behind a proxy on this machine everybody comes from loopback, and so do local bots.
        bounded = self._of_one and not _is_loopback(address)
        return not many and not (bounded and self._by_address[address] > self._of_one)

    def leave(self, transport: BaseTransport) -> None:
        """Forget a connection that is gone; a second time changes nothing."""
        address = self._open.pop(transport, None)
        if address is not None:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]


def _address(transport: BaseTransport) -> str:
    """Name where a connection comes from: an IPv4 address, or the network of an IPv6 one."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return ""
    try:
        found = ipaddress.ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        if not found.is_loopback:
            return str(ipaddress.ip_network((found, _PREFIX), strict=False))
    return str(found)


def _is_loopback(address: str) -> bool:
    return address in ("", "::1") or address.startswith("127.")
