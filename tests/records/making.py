"""Things to record, for the tests of the records."""

from typing import Any

from hypothesis import strategies as st

from flaky_load_balancer.core.events import Attempt, Changed, Delivery, Ending, Event, Rewarded
from flaky_load_balancer.core.types import Outcome, Rules
from flaky_load_balancer.records import Recorder

SERVERS = ["http://127.0.0.1:4000", "http://127.0.0.1:4001", "http://127.0.0.1:4002"]
RULES = Rules(len(SERVERS))
START = 1_795_000_000.25  # seconds since the epoch

# Whole microseconds: more digits some builds of SQLite read one unit in the last place wrong.
_times = st.integers(0, 60_000_000).map(lambda late: round(START + late / 1e6, 6))
_counts = st.integers(1, 1000)
_millionths = st.none() | st.integers(0, 5_000_000).map(lambda many: many / 1e6)
attempts = st.builds(
    Attempt,
    request=_counts,
    number=st.integers(1, 10),
    server=st.integers(0, len(SERVERS) - 1),
    outcome=st.sampled_from([int(outcome) for outcome in Outcome]),
    sent=_times,
    latency=st.integers(0, 100_000_000).map(lambda long: long / 1e6),
    reason=st.sampled_from([None, "refused", "timeout"]),
    status=st.sampled_from([None, 200, 503]),
    hedge=st.booleans(),
    probability=st.sampled_from([None, 0.25, 1.0]),
    cost=_millionths,
    size=st.sampled_from([None, 0.0, 1200.0]),
    first_byte=st.sampled_from([None, 0.125]),
    output=st.sampled_from([None, 0.0, 300.0]),
    estimated=st.booleans(),
    task=st.sampled_from([None, 0, 2]),
)
deliveries = st.builds(
    Delivery,
    request=_counts,
    id=st.text("abcXYZ019", min_size=24, max_size=24),
    arrived=_times,
    ended=_times,
    ending=st.sampled_from(Ending),
    attempts=st.integers(0, 10),
    possibly_twice=st.booleans(),
    code=st.sampled_from([None, 200, 503]),
    cost=_millionths,
    features=st.sampled_from([None, (), (0.5, -1.0, 3.25)]),
    answer=st.sampled_from([None, "chatcmpl-1"]),
    server=st.sampled_from([None, 0, 1]),
)
rewards = st.builds(
    Rewarded,
    request=_counts,
    server=st.integers(0, len(SERVERS) - 1),
    time=_times,
    value=st.integers(0, 4).map(lambda quarters: quarters / 4),
    previous=st.sampled_from([None, 0.0, 1.0]),
    task=st.sampled_from([None, 0, 2]),
)
changes = st.builds(
    Changed,
    time=_times,
    state=st.sampled_from(["up", "down", "reloaded"]),
    server=st.sampled_from([None, 0, 2]),
    reason=st.sampled_from([None, "timeout"]),
)
events = st.lists(attempts | deliveries | rewards | changes, max_size=60)


def attempt(request: int, number: int = 1, **changes: Any) -> Attempt:
    return Attempt(request, number, 0, Outcome.FAILED, START + request, 0.01)._replace(**changes)


def delivery(request: int, **changes: Any) -> Delivery:
    sent = START + request
    made = Delivery(request, f"{request:024}", sent, sent + 0.02, Ending.DELIVERED, 2, False)
    return made._replace(**changes)


def story(requests: int, first: int = 1) -> list[Event]:
    """Each request fails at the first server and succeeds at the second."""
    return [
        event
        for request in range(first, first + requests)
        for event in (
            attempt(request),
            attempt(request, 2, server=1, outcome=Outcome.SUCCEEDED, sent=START + request + 0.01),
            delivery(request),
        )
    ]


def start_run(recorder: Recorder, session: str | None = None, **changes: Any) -> int:
    about: dict[str, Any] = {
        "route": "v4-T1",
        "path": "/v4/T1",
        "strategy": "v4",
        "scenario": "T1",
        "servers": SERVERS,
        "rules": RULES,
    }
    session = session or recorder.start_session("serve")
    return recorder.start_run(session, **{**about, **changes})
