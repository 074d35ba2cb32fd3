"""Which addresses on the network we may talk to: public ones, and hosts that are named.

Every spelling is judged by what the system makes of it, and in the end by the address at the other
end of a connected socket, so that no name server can say one thing and mean another. Knows no HTTP.
"""

import contextlib
import ipaddress
import socket
import unicodedata
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from core.errors import Forbidden, Invalid, Problem

SCHEMES = ("http", "https")
MAX_URL = 2048  # characters
_UNICAST = ipaddress.ip_network("2000::/3")  # all that is given out of IPv6 (RFC 4291 §2.4)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address behind it (RFC 6052)
_TUNNELS = (ipaddress.ip_network("2002::/16"), ipaddress.ip_network("2001::/32"))  # 6to4, Teredo

IP = ipaddress.IPv4Address | ipaddress.IPv6Address


class Guard:
    """Says whom a download or a webhook may talk to.

    :param private: hosts that may lie anywhere, by the name that a URL gives them; and networks
        (``10.0.0.0/8``) in which any host may lie.
    :raises ValueError: for what has a slash and is no network.
    """

    def __init__(self, private: Iterable[str] = ()) -> None:
        private = list(private)
        self._private = frozenset(_plain(host) for host in private if "/" not in host)
        self._networks = [ipaddress.ip_network(one, strict=False) for one in private if "/" in one]

    def trusts(self, host: str) -> bool:
        """Say whether a host is one that was named."""
        return _plain(host) in self._private

    def check_host(self, host: str) -> None:
        """Refuse a host that is private by its spelling alone; nobody is asked.

        :raises Forbidden: ``url_not_public``.
        """
        if self.trusts(host):
            return
        plain = _plain(host)
        named = plain == "localhost" or plain.endswith((".localhost", ".local", ".internal"))
        named = named and not self._networks  # such a name may lead into them
        literal = _literal(plain)
        if named or "%" in host or (literal is not None and not self._takes(literal)):
            raise _private(host)

    def check_address(self, host: str, address: str) -> None:
        """Refuse an address at which a host was found, or that a socket is connected to.

        :raises Forbidden: ``url_not_public``.
        """
        if not self.trusts(host) and not self._takes(address):
            raise _private(host)

    def _takes(self, address: IP | str) -> bool:
        bare = _bare(address)
        named = bare is not None and any(bare in network for network in self._networks)
        return named or is_public(address)


def is_public(address: IP | str) -> bool:
    """Say whether an address belongs to the internet at large.

    Not those of this machine, of private and shared networks, of links, of groups, of
    documentation, of tunnels that lead to any of them; nor what is no address.
    """
    try:
        found = ipaddress.ip_address(
            address.partition("%")[0] if isinstance(address, str) else address
        )
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv4Address):
        return found.is_global and not found.is_multicast and not found.is_reserved
    if found.ipv4_mapped is not None:
        return is_public(found.ipv4_mapped)
    if found in _NAT64:
        return is_public(ipaddress.IPv4Address(int(found) & 0xFFFFFFFF))
    if any(found in tunnel for tunnel in _TUNNELS):
        return False
    return found in _UNICAST and found.is_global


def split(url: str, pointer: str = "/source") -> SplitResult:
    """Take a URL apart.

    :raises Invalid: ``url_scheme`` for one that is neither ``http:`` nor ``https:`` or names a
        user; ``url_invalid`` for one that cannot be read.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise _refused("url_invalid", pointer) from error
    if parts.scheme not in SCHEMES or parts.username is not None or parts.password is not None:
        raise _refused("url_scheme", pointer)
    if not host or port == 0 or len(url) > MAX_URL or not url.isprintable() or " " in url:
        raise _refused("url_invalid", pointer)
    return parts


def _bare(address: IP | str) -> IP | None:
    """Read an address without its zone; an IPv4 one that is written as IPv6 as the former."""
    try:
        found = ipaddress.ip_address(str(address).partition("%")[0])
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def _plain(host: str) -> str:
    """Bring a host into the form in which it is compared."""
    return unicodedata.normalize("NFKC", host).lower().strip("[]").rstrip(".")


def _literal(host: str) -> IP | None:
    """Read what the system takes for an address: ``0x7f.1`` and ``2130706433`` too."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host.partition("%")[0])
    with contextlib.suppress(OSError, ValueError):
        return ipaddress.IPv4Address(socket.inet_aton(host))
    return None


def _private(host: str) -> Forbidden:
    problem = Problem(code="url_not_public", pointer="/source", params={"host": host})
    return Forbidden("url_not_public", problems=(problem,), host=host)


def _refused(code: str, pointer: str) -> Invalid:
    return Invalid(code, problems=(Problem(code=code, pointer=pointer),))
