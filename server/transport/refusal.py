"""An answer written without the application: one problem, then the end of the connection."""

from http import HTTPStatus

from core.errors import HeliographError, Unavailable
from server.transport.config import TransportConfig

_HEADERS = (
    b"content-type: application/problem+json\r\ncache-control: no-store\r\n"
    b"x-content-type-options: nosniff\r\nconnection: close\r\n"
)


def refusal(
    config: TransportConfig, error: HeliographError, headers: list[tuple[bytes, bytes]]
) -> bytes:
    """Write a whole response; its words are in the language that the headers ask for."""
    asked = dict(headers).get(b"accept-language")
    status, body = config.answer(error, asked.decode("latin-1") if asked else None)
    later = b"retry-after: %d\r\n" % error.retry_after if isinstance(error, Unavailable) else b""
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n".encode()
    return b"".join((first, _HEADERS, later, b"content-length: %d\r\n\r\n" % len(body), body))
