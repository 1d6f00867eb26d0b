"""What answers teach, and how long a server asks to wait."""

from email.utils import formatdate
from math import isnan

import pytest

from flaky_load_balancer.config import RouteSettings
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.outcomes import Worth, of_game, of_http, retry_after, worth

NOW = 1_800_000_000.0
FAILED = RouteSettings("r", "/", "p").failed
SOON = [(b"Retry-After", b"5")]


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, [], Outcome.SUCCEEDED),
        (204, [], Outcome.SUCCEEDED),
        (302, [], Outcome.FAILED),
        (404, [], Outcome.FAILED),
        (429, [], Outcome.RATE_LIMITED),
        (500, SOON, Outcome.FAILED),
        (503, [], Outcome.FAILED),
        (503, SOON, Outcome.RATE_LIMITED),
    ],
)
def test_the_game(status: int, headers: list[tuple[bytes, bytes]], outcome: Outcome) -> None:
    assert of_game(status, headers, NOW).outcome is outcome


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "processed"),
    [
        (200, [], Outcome.SUCCEEDED, True),
        (304, [], Outcome.SUCCEEDED, True),
        (404, [], Outcome.SUCCEEDED, True),
        (501, [], Outcome.SUCCEEDED, True),
        (505, [], Outcome.SUCCEEDED, True),
        (500, [], Outcome.FAILED, True),
        (502, SOON, Outcome.FAILED, True),
        (504, [], Outcome.FAILED, True),
        (520, [], Outcome.FAILED, True),
        (503, [], Outcome.FAILED, True),
        (503, SOON, Outcome.RATE_LIMITED, False),
        (429, [], Outcome.RATE_LIMITED, False),
        (425, [], Outcome.RATE_LIMITED, False),
    ],
)
def test_any_http(
    status: int, headers: list[tuple[bytes, bytes]], outcome: Outcome, processed: bool
) -> None:
    answer = of_http(status, headers, NOW, FAILED)
    assert answer.outcome is outcome
    assert answer.processed is processed
    assert (answer.reason == "status") is (outcome is Outcome.FAILED)


def test_too_early_is_the_clients_answer_if_its_request_was_early() -> None:
    assert of_http(425, [], NOW, FAILED, early_data=True).outcome is Outcome.SUCCEEDED


def http_date(time: float) -> bytes:
    return formatdate(time, usegmt=True).encode()


@pytest.mark.parametrize("skew", [-3600.0, 0.0, 3600.0])
def test_a_date_is_compared_with_the_clock_of_its_server(skew: float) -> None:
    there = NOW + skew
    headers = [(b"date", http_date(there)), (b"retry-after", http_date(there + 5))]
    assert of_http(429, headers, NOW, FAILED).retry_after == 5.0


def test_the_longest_of_several_counts() -> None:
    headers = [(b"Retry-After", b"7"), (b"retry-after", b"3"), (b"Retry-After", b"soon")]
    assert of_http(429, headers, NOW, FAILED).retry_after == 7.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 1.5 ", 1.5),
        ("0", 0.0),
        ("86400", 60.0),
        (formatdate(NOW + 9, usegmt=True), 9.0),
        (formatdate(NOW - 9, usegmt=True), 0.0),
        (formatdate(NOW + 1e6, usegmt=True), 60.0),
    ],
)
def test_seconds_or_a_date(value: str, seconds: float) -> None:
    assert retry_after([value], NOW) == seconds


@pytest.mark.parametrize(
    "value", ["", "-1", "soon", "1e3", "0x10", "Wed, 99 Nov 2026 00:00:00 GMT", "٣", "1,2"]
)
def test_what_cannot_be_read_is_not_said(value: str) -> None:
    assert isnan(retry_after([value], NOW))
    assert isnan(retry_after([], NOW))


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ([], Worth()),
        ([(b"x-quality", b"0.5"), (b"X-Cost-USD", b"0.001")], Worth(0.5, 0.0, 0.001)),
        ([(b"X-Quality", b"1;after=2.5")], Worth(1.0, 2.5)),
        ([(b"X-Quality", b"1.5"), (b"X-Cost-USD", b"-1")], Worth()),
        ([(b"X-Quality", b"nan;after=x"), (b"X-Cost-USD", b"free")], Worth()),
    ],
)
def test_what_servers_say_of_their_answers(headers: list[tuple[bytes, bytes]], said: Worth) -> None:
    assert worth(headers) == said
