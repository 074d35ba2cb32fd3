"""Whether a webhook is from the server that it says: for whoever receives them.

The scheme is Standard Webhooks'; no server and no network is needed.
"""

import binascii
import hmac
import time
from collections.abc import Mapping
from typing import Any

import msgspec

from core.errors import Unauthenticated
from server.hooks.secret import signature

TOLERANCE = 300.0  # seconds that two clocks may differ by, and that a delivery may take


def verify(
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> dict[str, Any]:
    """Check the signature of a webhook, and give what it tells.

    Keep the ids (``webhook-id``) that were seen: the same may come twice.

    :param body: as it came, to the byte.
    :param secret: as ``GET /api/v1/webhooks/secret`` shows it.
    :param now: seconds since 1970, in place of the clock.
    :raises Unauthenticated: ``webhook_unsigned``: not from there, changed, or too old.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    signed = given.get("webhook-signature", "")
    if not id_ or not (at.isascii() and at.isdecimal() and len(at) < 13):
        raise Unauthenticated("webhook_unsigned")
    if abs((time.time() if now is None else now) - int(at)) > tolerance:
        raise Unauthenticated("webhook_unsigned")
    try:
        right = f"v1,{signature(secret, id_, at, body)}".encode()
    except binascii.Error as error:
        raise Unauthenticated("webhook_unsigned") from error
    if not any(hmac.compare_digest(right, one.encode()) for one in signed.split(" ")):
        raise Unauthenticated("webhook_unsigned")
    told: dict[str, Any] = msgspec.json.decode(body)
    return told
