"""Forms as clients write them, and bytes that only pretend to be one."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Malformed, TooLarge
from server.compat import forms

NAMES = st.from_regex(r"[a-z_]{1,12}", fullmatch=True)


def written(data: dict[str, Any], files: list[Any]) -> tuple[bytes, str]:
    """Write a form as a real client does."""
    request = httpx.Request("POST", "http://x", data=data, files=files)
    return request.read(), request.headers["content-type"]


@given(
    st.dictionaries(NAMES, st.text()),
    st.lists(st.tuples(NAMES, st.binary() | st.just(b"\r\n--x--\r\n\r\n")), min_size=1, max_size=5),
)
def test_what_a_client_writes_is_read(data: dict[str, str], files: list[tuple[str, bytes]]) -> None:
    body, declared = written(data, [(name, ("a.png", content)) for name, content in files])
    form = forms.read(body, declared, largest=1 << 20)
    assert form.fields == data
    assert [(name, each) for name, held in form.files.items() for each in held] == sorted(
        files, key=lambda each: list(form.files).index(each[0])
    )


@given(st.binary(), st.sampled_from(["", "boundary=x", 'boundary="x"', "boundary=" + "x" * 90]))
def test_any_other_bytes_are_refused_or_read(body: bytes, declared: str) -> None:
    try:
        forms.read(body, f"multipart/form-data; {declared}", largest=10)
    except (Malformed, TooLarge) as error:
        assert error.name in ("form_invalid", "too_many_values", "body_too_large")


@pytest.mark.parametrize(
    "body",
    [
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n1\r\n--x--",
        b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n\xff\r\n--x--",
        b"--x\r\n" + b"A: b\r\n" * 2000 + b"\r\n1\r\n--x--",
    ],
)
def test_broken_forms_are_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        forms.read(body, "multipart/form-data; boundary=x", largest=10)


def test_many_parts_and_large_files_are_refused() -> None:
    part = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n"
    with pytest.raises(TooLarge):
        forms.read(part * 5000 + b"--x--", "multipart/form-data; boundary=x", largest=10)
    body, declared = written({}, [("a", ("a", b"1" * 11))])
    with pytest.raises(TooLarge):
        forms.read(body, declared, largest=10)
