"""One HTTP GET of a download: guarded at each hop, bounded in time, ended from another thread.

The standard library's client on a socket of our own, since what matters lies below HTTP: the peer
of each connection is looked at before a byte is sent, and a socket that brings less than 30 KiB in
30 seconds is given up. No proxy is asked for, whatever the environment says: the peer would be the
proxy. Knows no files.
"""

import http.client
import io
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urljoin, urlunsplit

import certifi

import core
from core.errors import HeliographError, Invalid, Unreachable
from core.library import addresses
from core.library.addresses import Guard
from core.library.stopping import Stop

log = logging.getLogger(__name__)
MAX_REDIRECTS = 5
STALL = 30.0  # seconds for ``PACE`` bytes, for a connection, for a block of headers
PACE = 30 * 1024
_MOVED = frozenset({301, 302, 303, 307, 308})
_CONNECT = 15.0  # seconds for one address
_ADDRESSES = 8  # of a host that are tried


class Reply:
    """An answer whose body is still to be read."""

    def __init__(self, url: str, answer: http.client.HTTPResponse, tap: "_Tap") -> None:
        self.url = url
        self.status = answer.status
        self.headers = answer.headers
        self._answer, self._tap = answer, tap

    def read(self, most: int) -> bytes:
        """Give what has come, up to so many bytes; empty at the end.

        :raises Unreachable: ``download_stalled`` when it is too slow, ``host_unreachable`` when
            the connection breaks.
        """
        try:
            return self._answer.read1(most)
        except TimeoutError as error:
            raise Unreachable("download_stalled", seconds=STALL) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(host=self._tap.host, reason=_reason(error)) from error

    def close(self) -> None:
        """Let the connection go."""
        self._answer.close()
        self._tap.end()


def get(url: str, headers: Mapping[str, str], guard: Guard, stop: Stop) -> Reply:
    """Ask for a URL, and for where it sends us, five times at most.

    ``Authorization`` is sent to the first origin only.

    :raises Forbidden: ``url_not_public``, at any hop.
    :raises Invalid: ``url_scheme``, also where a redirect leaves ``https:``; ``url_invalid``.
    :raises Unreachable: when nobody answers in time, or what comes is not HTTP.
    :raises HeliographError: ``too_many_redirects``.
    :raises Stopped: when somebody asks.
    """
    parts = addresses.split(url)
    first = _origin(parts)
    for _ in range(MAX_REDIRECTS + 1):
        sent = dict(headers)
        if _origin(parts) != first:
            sent.pop("Authorization", None)
        reply = _ask(parts, sent, guard, stop)
        target = reply.headers.get("Location")
        if reply.status not in _MOVED or target is None:
            return reply
        reply.close()
        said = target.encode("latin-1", "replace").decode("utf-8", "replace").replace(" ", "%20")
        onward = addresses.split(urljoin(reply.url, said))
        if parts.scheme == "https" and onward.scheme != "https":
            raise Invalid("url_scheme")
        parts = onward
    raise HeliographError("too_many_redirects", limit=MAX_REDIRECTS)


def _ask(parts: SplitResult, headers: dict[str, str], guard: Guard, stop: Stop) -> Reply:
    host = parts.hostname or ""
    tap = _Tap(_connected(host, parts, guard, stop), host, stop)
    connection = http.client.HTTPConnection(host, parts.port)
    connection.sock = tap
    target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    try:
        common = {
            "Accept": "*/*",
            "Accept-Encoding": "identity",
            "User-Agent": f"heliograph/{core.__version__}",
            "Connection": "close",
            "Host": host_header(parts),
        }
        connection.request("GET", escaped(target), headers=common | headers)
        answer = connection.getresponse()
    except TimeoutError as error:
        tap.end()
        raise Unreachable("download_stalled", seconds=STALL) from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        tap.end()
        stop.check()
        raise Unreachable(host=host, reason=_reason(error)) from error
    return Reply(urlunsplit(parts), answer, tap)


def _connected(host: str, parts: SplitResult, guard: Guard, stop: Stop) -> socket.socket:
    """Open a connection to a host, to one of its public addresses."""
    guard.check_host(host)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    stop.check()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(host=host, reason=_reason(error)) from error
    for *_, place in found:
        guard.check_address(host, str(place[0]))
    failed: Exception = OSError("no address")
    for family, kind, protocol, _, place in found[:_ADDRESSES]:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(_CONNECT)
        try:
            stop.watch(opened)
            opened.connect(place)
            guard.check_address(host, str(opened.getpeername()[0]))
            return _secured(opened, host) if parts.scheme == "https" else opened
        except OSError as error:
            opened.close()
            stop.check()
            failed = error
        except BaseException:
            opened.close()
            raise
    raise Unreachable(host=host, reason=_reason(failed)) from failed


def tls() -> ssl.SSLContext:
    """Make what checks certificates: by those of the system, and by those that we bring."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def _secured(opened: socket.socket, host: str) -> ssl.SSLSocket:
    return tls().wrap_socket(opened, server_hostname=host)


class _Tap:
    """What ``http.client`` takes for a socket: reads through it are timed and can be cut off."""

    def __init__(self, opened: socket.socket, host: str, stop: Stop) -> None:
        self.host = host
        self._socket, self._stop = opened, stop
        try:
            stop.watch(opened)
        except BaseException:
            opened.close()
            raise

    def makefile(self, mode: str, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(_Wire(self._socket), 1 << 16)

    def sendall(self, data: bytes) -> None:
        self._socket.settimeout(STALL)
        self._socket.sendall(data)

    def close(self) -> None:
        """Stay open: the answer is still being read when ``http.client`` says this."""

    def end(self) -> None:
        self._stop.forget()
        self._socket.close()


class _Wire(io.RawIOBase):
    """The reading end of a socket, given up when it brings too little for too long."""

    def __init__(self, opened: socket.socket) -> None:
        self._socket = opened
        self._got = 0
        self._until = time.monotonic() + STALL

    def readable(self) -> bool:
        return True

    def readinto(self, into: Any) -> int:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        count = self._socket.recv_into(into)
        self._got += count
        if self._got >= PACE:
            self._got, self._until = 0, time.monotonic() + STALL
        return count


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port


def host_header(parts: SplitResult) -> str:
    """Write the header ``Host`` of a request (RFC 9112 §3.2)."""
    host = parts.hostname or ""
    shown = f"[{host}]" if ":" in host else host.encode("idna").decode()
    return f"{shown}:{parts.port}" if parts.port else shown


def escaped(target: str) -> str:
    """Write what is not ASCII in a path as percent and hex (RFC 3986 §2.1)."""
    return "".join(
        letter if letter.isascii() else "".join(f"%{byte:02X}" for byte in letter.encode())
        for letter in target
    )


def _reason(error: Exception) -> str:
    """Name what went wrong in a word or two, without addresses."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return getattr(error, "strerror", None) or type(error).__name__
