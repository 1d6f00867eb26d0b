"""Facts as bytes: what comes back is what went in, and rubbish is refused whole."""

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.sharing.facts import (
    Batch,
    Begun,
    Ended,
    Fact,
    FactsError,
    Preferred,
    Promised,
    Rewarded,
    Withdrawn,
    decode,
    encode,
)

AT = 1_800_000_000.0
REQUEST = st.integers(0, 2**32 - 1)
ATTEMPT = st.integers(1, 65535)
SERVER = st.text(st.characters(codec="utf-8"), max_size=20)
TIME = st.floats(AT - 2000, AT + 2000)
SHARE = st.floats(0, 1, width=32)
AMOUNT = st.floats(0, 1e9, width=32)
SIZE = AMOUNT | st.just(nan)
WAIT = st.floats(0, 60) | st.just(nan)
FEATURES = st.lists(st.floats(-10, 10, width=32), max_size=4).map(tuple)
ENDED = st.builds(
    Ended, REQUEST, ATTEMPT, SERVER, st.integers(0, 3), TIME, TIME, WAIT, AMOUNT, SIZE, FEATURES
).filter(lambda fact: fact.began <= fact.time)
FACT = st.one_of(
    st.builds(Begun, REQUEST, ATTEMPT, SERVER, TIME, SIZE),
    st.builds(Promised, REQUEST, SERVER, TIME, TIME, SIZE),
    st.builds(Withdrawn, REQUEST),
    ENDED,
    st.builds(Rewarded, REQUEST, SERVER, TIME, SHARE, SHARE | st.just(nan), FEATURES),
    st.builds(Preferred, REQUEST, SERVER, SERVER, TIME, FEATURES, st.booleans()),
)
NUMBER = st.integers(0, 2**64 - 1)
BATCH = st.builds(Batch, NUMBER, NUMBER, st.just(AT), st.lists(FACT, max_size=8))


def same(one: object, other: object) -> bool:
    """Equal, times within a microsecond, and NaN equal to itself."""
    if isinstance(one, float) and isinstance(other, float):
        return (isnan(one) and isnan(other)) or abs(one - other) < 1.1e-6
    return one == other


def alike(one: Fact, other: Fact) -> bool:
    return type(one) is type(other) and all(map(same, one, other))


@given(BATCH)
def test_what_is_written_is_read(batch: Batch) -> None:
    read = decode(encode(batch))
    assert (read.sender, read.first, read.at) == (batch.sender, batch.first, batch.at)
    assert len(read.facts) == len(batch.facts)
    assert all(map(alike, read.facts, batch.facts))


@given(BATCH, st.floats(-1e6, 1e6))
def test_all_times_move_to_the_clock_of_all(batch: Batch, offset: float) -> None:
    read = decode(encode(batch, offset))
    assert same(read.at, batch.at + offset)
    for here, there in zip(batch.facts, read.facts, strict=True):
        if not isinstance(here, Withdrawn) and not isinstance(there, Withdrawn):
            assert same(there.time, here.time + offset)


@given(BATCH, st.data())
def test_no_bytes_break_the_reader(batch: Batch, data: st.DataObject) -> None:
    """Bytes are cut, changed or added: they are read as some batch or refused, nothing else."""
    good = bytearray(encode(batch))
    place = data.draw(st.integers(0, len(good) - 1))
    good[place] = data.draw(st.integers(0, 255))
    for bad in (bytes(good), bytes(good[:place])):
        try:
            decode(bad)
        except FactsError:
            continue


@given(st.binary(max_size=200))
def test_rubbish_is_refused(rubbish: bytes) -> None:
    with pytest.raises(FactsError):
        decode(rubbish)


def test_every_cut_and_every_addition_is_refused() -> None:
    whole = encode(Batch(1, 0, AT, [Begun(1, 1, "a", AT), Withdrawn(2)]))
    for end in range(len(whole)):
        with pytest.raises(FactsError):
            decode(whole[:end])
    with pytest.raises(FactsError, match="behind its end"):
        decode(whole + b"\0")


def test_another_version_is_refused_by_its_number() -> None:
    whole = bytearray(encode(Batch(1, 0, AT)))
    whole[3] = 2
    with pytest.raises(FactsError, match="version 2"):
        decode(bytes(whole))


@pytest.mark.parametrize(
    "fact",
    [
        Ended(1, 0, "a", 0, AT, AT),
        Ended(1, 1, "a", 7, AT, AT),
        Ended(1, 1, "a", 0, AT + 1, AT),
        Ended(1, 1, "a", 0, AT, AT, cost=-1.0),
        Ended(1, 1, "a", 0, AT, AT, retry_after=-1.0),
        Ended(1, 1, "a", 0, AT, AT, features=(nan,)),
        Begun(1, 1, "a", AT, -2.0),
        Rewarded(1, "a", AT, 1.5),
    ],
)
def test_what_is_impossible_is_refused(fact: Fact) -> None:
    with pytest.raises(FactsError):
        decode(encode(Batch(1, 0, AT, [fact])))


def test_a_request_costs_few_bytes() -> None:
    begun, ended = Begun(1, 1, "http://10.0.0.1", AT), Ended(1, 1, "http://10.0.0.1", 0, AT, AT)
    assert len(encode(Batch(1, 0, AT, [begun, ended] * 20))) / 20 < 60
