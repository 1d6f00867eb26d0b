"""Addresses of servers, sizes and statuses: what is taken, and what is not."""

import pytest

from flaky_load_balancer.config import SettingsError, server_url
from flaky_load_balancer.config.values import server_address, size, statuses


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("http://127.0.0.1:4000/", "http://127.0.0.1:4000/"),  # as it is written
        ("127.0.0.1:4000", "http://127.0.0.1:4000"),
        ("localhost:80", "http://localhost:80"),
        ("http://localhost", "http://localhost"),
        ("https://example.org/deliver/here/", "https://example.org/deliver/here/"),
        ("https://user:pa%20ss@example.org/x", "https://example.org/x"),
        (f"http://{'a' * 63}.org.", f"http://{'a' * 63}.org."),
        ("http://[::1]:4000", "http://[::1]:4000"),
        ("[::1]:4000", "http://[::1]:4000"),
        ("HTTP://Example.org:1", "HTTP://Example.org:1"),
        ("http://a:65535", "http://a:65535"),
    ],
)
def test_a_servers_address(text: str, url: str) -> None:
    assert server_url(text, "--server") == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "http://",
        "http://:4000",
        "ftp://a:1",
        "//a:1",
        "http:a",
        "http://a:0",
        "http://a:99999",
        "http://a:-1",
        "http://a:x",
        "http://a b",
        " http://a",
        "http://a\n",
        "http://a/\t",
        "http://a\0b",
        "http://a\\b",
        "http://a?x=1",
        "http://a/?",
        "http://a#top",
        "http://[::1",
        "http://[::g]:1",
        "http://a[b]c",
        "foo",  # a name and no port: more likely a mistake than a host
        "localhost",
        "http://a..b:1",  # what no resolver takes
        "http://.x",
        f"http://{'a' * 64}.org",
        "http://-a.org",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        server_url(text, "--server")
    message = str(caught.value)
    assert message.startswith(f"--server: {text!r} is not a server's address")
    assert "http://127.0.0.1:4000" in message


def test_credentials_become_a_header_and_are_not_shown() -> None:
    address = server_address("http://user:pa%20ss@a:1/base", "--server")
    assert address == ("http://a:1/base", "Basic dXNlcjpwYSBzcw==")
    with pytest.raises(SettingsError) as caught:
        server_address("ftp://secret", "file: key", "env:URL")
    assert "secret" not in str(caught.value)
    assert "env:URL" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [("64KiB", 65536), ("1 MB", 10**6), (100, 100), ("7", 7), ("0B", 0), ("1GiB", 2**30)],
)
def test_a_size(value: object, bytes_: int) -> None:
    assert size(value) == bytes_


@pytest.mark.parametrize("value", ["", "64kib", "-1", -1, True, 1.5, "1 TB", None])
def test_what_is_no_size(value: object) -> None:
    assert size(value) is None


def test_statuses() -> None:
    assert statuses("500") == frozenset({500})
    assert statuses("502-504") == frozenset({502, 503, 504})
    for wrong in ("", "5xx", "504-502", "99", "600", "500-"):
        assert statuses(wrong) is None
