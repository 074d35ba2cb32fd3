"""Checking webhooks: by the scheme's own example, and by everything that may be wrong."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Unauthenticated
from server.client import verify
from server.hooks.secret import signature

# The example that the libraries of Standard Webhooks are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = 1614265330
HEADERS = {
    "Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "Webhook-Timestamp": str(AT),
    "Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_example_of_the_scheme_is_right() -> None:
    assert verify(HEADERS, BODY, SECRET, now=AT) == {"test": 2432232314}
    both = HEADERS | {"Webhook-Signature": f"v2,x v1,AAAA {HEADERS['Webhook-Signature']}"}
    assert verify(both, BODY, SECRET, now=AT) == json.loads(BODY)


@pytest.mark.parametrize(
    "wrong",
    [
        {"Webhook-Id": "another"},
        {"Webhook-Timestamp": str(AT + 1)},
        {"Webhook-Timestamp": "soon"},
        {"Webhook-Timestamp": "9" * 30},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {"Webhook-Signature": "v1,ä"},
    ],
)
def test_what_was_changed_is_found(wrong: dict[str, str]) -> None:
    with pytest.raises(Unauthenticated) as caught:
        verify(HEADERS | wrong, BODY, SECRET, now=AT)
    assert caught.value.name == "webhook_unsigned"


def test_what_is_old_from_tomorrow_or_signed_by_another_is_refused() -> None:
    for now in (AT + 301, AT - 301):
        with pytest.raises(Unauthenticated):
            verify(HEADERS, BODY, SECRET, now=now)
    assert verify(HEADERS, BODY, SECRET, now=AT + 3000, tolerance=4000)
    with pytest.raises(Unauthenticated):
        verify(HEADERS, BODY, "whsec_" + "A" * 32, now=AT)
    with pytest.raises(Unauthenticated):
        verify(HEADERS, BODY, "no base64!", now=AT)
    with pytest.raises(Unauthenticated):
        verify({}, BODY, SECRET, now=AT)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_signature_is_of_one_body(body: bytes, other: bytes) -> None:
    same = signature(SECRET, "1", "2", body) == signature(SECRET, "1", "2", other)
    assert same is (body == other)


def test_what_the_page_shows_is_right_too() -> None:
    page = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")
    shown: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], shown)
    now = int(time.time())
    headers = {"webhook-id": "1", "webhook-timestamp": str(now)}
    headers["webhook-signature"] = f"v1,x v1,{signature(SECRET, '1', str(now), BODY)}"
    shown["verify"](headers, BODY, SECRET)
    with pytest.raises(ValueError, match="not from our server"):
        shown["verify"](headers, BODY + b" ", SECRET)
