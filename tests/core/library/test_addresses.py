"""Which addresses a download may reach: P70 and P71, whatever way they are spelled."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Forbidden, Invalid
from core.library import addresses
from core.library.addresses import Guard, is_public

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.1.2.3", "172.16.0.1", "172.31.255.255",
    "192.168.1.1", "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.1", "198.18.0.1",
    "192.0.2.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fc00::1", "fdff::1", "fe80::1", "fe80::1%eth0", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.0.0.1", "::ffff:169.254.169.254", "2002:7f00:1::", "2002:a00:1::", "2002:808:808::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b::7f00:1", "64:ff9b::a00:1",
    "64:ff9b:1::808:808", "::7f00:1", "2001:db8::1", "100::1", "nonsense", "",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]  # fmt: skip
SPELLED = [
    "127.0.0.1", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0177.0.0.1",
    "[::1]", "[::ffff:127.0.0.1]", "[0:0:0:0:0:0:0:1]", "localhost", "LOCALHOST", "localhost.",
    "foo.localhost", "%6cocalhost", "printer.local", "metadata.google.internal", "１２７.0.0.1",
    "①②⑦.0.0.1", "192.168.0.1.", "169.254.169.254", "[fe80::1%25eth0]", "0", "10.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_what_is_not_of_the_internet_at_large_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_of_the_internet_at_large_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", SPELLED)
def test_a_private_host_is_refused_by_its_spelling(host: str) -> None:
    with pytest.raises(Forbidden) as refused:
        Guard().check_host(host)
    assert refused.value.name == "url_not_public"


@given(st.sampled_from(["127.0.0.0/8", "10.0.0.0/8", "192.168.0.0/16", "169.254.0.0/16",
                        "100.64.0.0/10", "172.16.0.0/12"]), st.data())  # fmt: skip
def test_no_spelling_of_a_private_address_passes(network: str, data: st.DataObject) -> None:
    held = ipaddress.ip_network(network)
    assert isinstance(held, ipaddress.IPv4Network)
    number = data.draw(st.integers(int(held.network_address), int(held.broadcast_address)))
    one = ipaddress.IPv4Address(number)
    parts = str(one).split(".")
    spelled = [
        str(one), str(number), hex(number), f"0{number:o}", ".".join(hex(int(p)) for p in parts),
        ".".join(f"0{int(p):o}" for p in parts), f"[::ffff:{one}]", f"[64:ff9b::{one}]",
        f"{parts[0]}.{number & 0xFFFFFF}", f"{parts[0]}.{parts[1]}.{number & 0xFFFF}", f"{one}.",
        f"[2002:{number >> 16:x}:{number & 0xFFFF:x}::1]",
    ]  # fmt: skip
    for host in spelled:
        with pytest.raises(Forbidden):
            Guard().check_host(host)
        assert not is_public(host.strip("[]"))


@given(st.ip_addresses())
def test_public_is_what_python_calls_global_and_no_group(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    if is_public(address):
        v4 = getattr(address, "ipv4_mapped", None) or address
        nat64 = address in ipaddress.ip_network("64:ff9b::/96")
        assert nat64 or (v4.is_global and not v4.is_multicast)


def test_a_host_that_is_named_may_lie_anywhere() -> None:
    guard = Guard(["127.0.0.1", "Hub.Local"])
    guard.check_host("127.0.0.1")
    guard.check_address("hub.local", "192.168.0.7")
    with pytest.raises(Forbidden):
        guard.check_address("elsewhere.example", "192.168.0.7")
    with pytest.raises(Forbidden):
        guard.check_host("127.0.0.2")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc/passwd", "url_scheme"),
        ("ftp://example.com/a.safetensors", "url_scheme"),
        ("gopher://example.com/1", "url_scheme"),
        ("http://user@example.com/a", "url_scheme"),
        ("https://user:pass@example.com/a", "url_scheme"),
        ("https://@example.com/a", "url_scheme"),
        ("http://", "url_invalid"),
        ("http:///path", "url_invalid"),
        ("http://example.com:99999/a", "url_invalid"),
        ("http://example.com:0/a", "url_invalid"),
        ("http://[::1/a", "url_invalid"),
        ("http://example.com/a b", "url_invalid"),
        ("http://example.com/a\r\nHost: evil", "url_invalid"),
        ("http://example.com/" + "a" * 3000, "url_invalid"),
    ],
)
def test_a_url_of_another_kind_is_refused(url: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        addresses.split(url)
    assert refused.value.name == code
    assert refused.value.problems[0].pointer == "/source"


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_of_urls_stumble(text: str) -> None:
    for url in (text, f"http://{text}", f"https://example.com/{text}"):
        try:
            parts = addresses.split(url)
        except Invalid:
            continue
        assert parts.scheme in addresses.SCHEMES
        assert parts.hostname


@pytest.mark.parametrize(
    ("host", "address", "fits"),
    [
        ("10.1.2.3", "10.1.2.3", True),
        ("bot.internal", "10.9.9.9", True),
        ("bot.example", "::ffff:10.0.0.1", True),
        ("bot.example", "fd00:1::5", True),
        ("bot.example", "11.0.0.1", True),  # public anyway
        ("bot.example", "192.168.0.1", False),
        ("127.0.0.1", "127.0.0.1", False),
        ("bot.internal", "127.0.0.1", False),
        ("bot.example", "no address", False),
    ],
)
def test_a_network_that_is_named_lets_its_own_addresses_through_and_no_others(
    host: str, address: str, fits: bool
) -> None:
    guard = Guard(["10.0.0.1/8", "fd00:1::/32"])
    if fits:
        guard.check_host(host)
        guard.check_address(host, address)
        return
    with pytest.raises(Forbidden):
        guard.check_host(host)
        guard.check_address(host, address)
