"""What lies between a TCP connection and the application: uvicorn's protocols, with bounds.

Bytes that are not HTTP, connections that are too many and clients that neither send nor take end
here. Knows no route and no message.
"""

from server.transport.census import Census
from server.transport.config import Answer, TransportConfig
from server.transport.http import HttpProtocol
from server.transport.limits import Limits
from server.transport.socket import LINE, Line, SocketProtocol

__all__ = [
    "LINE",
    "Answer",
    "Census",
    "HttpProtocol",
    "Limits",
    "Line",
    "SocketProtocol",
    "TransportConfig",
]
