"""What one replica does, another learns: once, of the same server, whatever the wire does."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from flaky_load_balancer import registry
from flaky_load_balancer.core.types import HOLD, Outcome, Preference, Reward
from flaky_load_balancer.sharing.applying import LONGEST
from flaky_load_balancer.sharing.exchange import PERIOD, SILENT
from flaky_load_balancer.sharing.facts import Batch, Begun, Ended, decode, encode
from tests.sharing.wire import Replica, Time, Wire

GOOD, BAD, REFUSED = Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RATE_LIMITED
MIXED = [GOOD, BAD, GOOD, GOOD, REFUSED, GOOD, BAD, GOOD] * 3


def pair(**how: Any) -> tuple[Replica, Replica, Time, Wire]:
    time, wire = Time(), Wire()
    return Replica(wire, time, **how), Replica(wire, time, seed=2, **how), time, wire


@pytest.mark.parametrize("strategy", ["cascade", "v4", "v6", "kl-ucb"])
def test_the_other_believes_the_same(strategy: str) -> None:
    here, there, time, _ = pair(strategy=strategy)
    here.play(MIXED)
    time.pass_on(1.0)
    assert there.mean() == pytest.approx(here.mean())
    assert there.ready_at() == pytest.approx(here.ready_at(), abs=1e-4)
    assert there.exchange.missed == 0
    assert there.mean() != pytest.approx(Replica(Wire(), Time(), strategy=strategy).mean())


def test_a_batch_is_made_at_most_every_20_ms() -> None:
    here, _, time, wire = pair()
    time.pass_on(0.5)
    before = len(wire.batches)
    here.play([GOOD] * 100, seconds=0.001)
    time.pass_on(PERIOD)
    assert len(wire.batches) - before <= 0.2 / PERIOD + 2
    facts = sum(len(decode(batch).facts) for batch in wire.batches)
    assert facts < 120  # how each ended, which says that it was sent; few begin in another batch


def test_a_begin_is_told_by_itself_only_while_the_attempt_is_under_way() -> None:
    here, there, time, wire = pair()
    here.arrive()
    here.decide()
    time.pass_on(PERIOD)
    here.end(GOOD)
    time.pass_on(0.0)
    here.play([GOOD], seconds=PERIOD / 10)
    time.pass_on(PERIOD)
    kinds = [type(fact) for batch in wire.batches for fact in decode(batch).facts]
    assert kinds == [Begun, Ended, Ended]
    assert there.exchange.applied == 3
    assert there.mean() == pytest.approx(here.mean())


def test_a_state_knows_the_number_of_the_next_fact_although_begins_are_left_out() -> None:
    here, _, time, wire = pair()
    here.play([GOOD], seconds=PERIOD / 10)
    seen = here.exchange.heard().seen[f"{here.exchange.sender:x}"]
    here.play([GOOD], seconds=PERIOD / 10)
    time.pass_on(PERIOD)
    firsts = [batch.first for batch in map(decode, wire.batches) if batch.facts]
    assert firsts[-1] == seen > 0


@pytest.mark.parametrize(
    "order",
    [lambda batches: batches[::-1], lambda batches: [b for b in batches for _ in (1, 2)]],
    ids=["backwards", "twice"],
)
def test_order_and_repetition_change_no_count(order: Any) -> None:
    here, there, time, wire = pair(strategy="v4")
    here.play([GOOD])
    time.pass_on(0.1)
    wire.held = []
    here.play(MIXED)
    time.pass_on(0.1)
    assert there.mean() != pytest.approx(here.mean())
    wire.release(order)
    assert there.mean() == pytest.approx(here.mean())
    assert there.exchange.missed == 0


def test_what_is_lost_is_counted() -> None:
    here, there, time, wire = pair(strategy="v4")
    here.play([GOOD])
    time.pass_on(0.1)
    wire.held = []
    here.play(MIXED)
    time.pass_on(0.1)
    lost = sum(len(decode(batch).facts) for _, batch in wire.held)
    wire.release(lambda _: [])
    time.pass_on(1.0)  # a sign of life
    assert there.exchange.missed == lost > 0


def test_servers_are_known_by_what_they_are_called() -> None:
    time, wire = Time(), Wire()
    here = Replica(wire, time, strategy="v4", servers=["a", "b"])
    there = Replica(wire, time, strategy="v4", servers=["b", "c", "a"])
    here.play(MIXED)
    time.pass_on(1.0)
    a, b = here.mean()
    alone = Replica(Wire(), Time(), strategy="v4").mean()[0]
    assert there.mean() == pytest.approx([b, alone, a])
    there.balancer.resize(np.array([2]))
    there.servers = ["a"]
    here.play(MIXED)
    time.pass_on(1.0)
    assert there.mean() == pytest.approx(here.mean()[:1])


def test_a_promise_counts_elsewhere_until_it_is_kept_or_left() -> None:
    here, there, time, _ = pair()
    here.hold()
    time.pass_on(PERIOD)
    assert promises(there) == [1.0]
    assert there.ready_at() == pytest.approx(here.ready_at(), abs=1e-4)
    here.leave(1)
    time.pass_on(PERIOD)
    assert promises(there) == [0.0]
    here.hold()
    while here.decide(1).arm.item() == HOLD:
        time.pass_on(0.1)
    time.pass_on(PERIOD)
    assert promises(there) == [0.0]


def test_requests_of_replicas_are_not_ours() -> None:
    """Both have a request 7 that is held: when one leaves, the promise of the other stays."""
    here, there, time, _ = pair()
    here.hold(7)
    time.pass_on(PERIOD)
    there.hold(7)
    time.pass_on(PERIOD)
    there.leave(1)
    assert promises(there) == [1.0]


def test_an_end_whose_begin_was_lost_notes_it_first() -> None:
    _, there, time, wire = pair(strategy="p2c-ewma")
    at = time.now
    wire.bring(wire.ends[0], encode(Batch(7, 5, at, [Ended(1, 1, "a", 0, at - 0.1, at)])))
    assert in_flight(there) == [0.0, 0.0]
    wire.bring(wire.ends[0], encode(Batch(7, 6, at, [Begun(2, 1, "a", at)])))
    assert in_flight(there) == [1.0, 0.0]


def test_what_a_replica_that_died_had_under_way_is_closed() -> None:
    time, wire = Time(), Wire()
    there = Replica(wire, time, strategy="p2c-ewma")
    begun = [Begun(number, 1, "a", time.now) for number in range(3)]
    wire.bring(None, encode(Batch(7, 0, time.now, begun)))  # type: ignore[arg-type]
    assert in_flight(there) == [3.0, 0.0]
    time.pass_on(SILENT - 2)
    assert in_flight(there) == [3.0, 0.0]
    assert there.exchange.replicas == 1
    time.pass_on(4.0)
    assert in_flight(there) == [0.0, 0.0]
    assert there.exchange.replicas == 0


def test_an_attempt_of_which_nothing_is_heard_is_closed() -> None:
    here, there, time, wire = pair(strategy="p2c-ewma")
    here.arrive()
    here.decide()
    time.pass_on(LONGEST - 2)
    assert sum(in_flight(there)) == 1.0
    wire.held = []
    here.end(GOOD)
    time.pass_on(4.0)
    assert sum(in_flight(there)) == 0.0


def test_clocks_may_differ() -> None:
    time, wire = Time(), Wire()
    here = Replica(wire, time, offset=500.0)
    there = Replica(wire, time, offset=-300.0)
    here.play([*MIXED, REFUSED, REFUSED])
    time.pass_on(1.0)
    assert there.mean() == pytest.approx(here.mean())
    assert there.ready_at() == pytest.approx(here.ready_at(), abs=1e-4)
    assert there.exchange.lag < 1.0


def test_rubbish_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    here, there, time, wire = pair(strategy="v4")
    for rubbish in (b"", b"\x80\x05", b"FLB\x09" + bytes(80)):
        wire.bring(wire.ends[0], rubbish)
    assert there.exchange.unreadable == 3
    assert len(caplog.records) == 1
    here.play(MIXED)
    time.pass_on(1.0)
    assert there.mean() == pytest.approx(here.mean())


@pytest.mark.parametrize("strategy", ["v4", "v6", "kl-ucb", "random"])
def test_who_wants_no_notes_is_told_of_ends_alone(strategy: str) -> None:
    here, _, time, wire = pair(strategy=strategy)
    here.play([GOOD] * 5)
    time.pass_on(1.0)
    facts = [fact for batch in wire.batches for fact in decode(batch).facts]
    assert [type(fact) for fact in facts] == [Ended] * 5


@pytest.mark.parametrize("strategy", registry.chosen(["all"]))
def test_every_strategy_can_share(strategy: str) -> None:
    here, there, time, _ = pair(strategy=strategy)
    for _ in range(5):
        here.play(MIXED[:5])
        there.play(MIXED[:5])
    time.pass_on(1.0)
    assert here.exchange.missed == there.exchange.missed == 0
    assert here.exchange.applied > 0


def test_preferences_are_shared() -> None:
    here, there, time, _ = pair(strategy="rucb")
    one, other = np.array([0]), np.array([1])
    for better, worse, corrects in ((one, other, None), (one, other, None), (other, one, [True])):
        said = None if corrects is None else np.array(corrects)
        here.balancer.prefer(Preference(one, np.array([time.now]), better, worse, None, said))
    time.pass_on(1.0)
    ours, theirs = (each.strategy.state().arrays for each in (here, there))
    assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    unlike = Replica(Wire(), Time(), strategy="rucb").strategy.state().arrays
    assert not all(np.array_equal(ours[name], unlike[name]) for name in ours)


def test_rewards_and_features_are_shared() -> None:
    here, there, time, _ = pair(strategy="linucb", features=3)
    for count in range(6):
        asked = np.array([[1.0, 0.25 * count, -0.5]])
        here.arrive(features=asked)
        arm = here.decide().arm
        here.end(GOOD)
        row, now = np.array([0]), np.array([time.now])
        told = row, now, np.array([here.requests]), arm, np.array([0.75]), np.array([np.nan])
        here.balancer.reward(Reward(*told, asked))
        here.leave()
        time.pass_on(0.1)
    ours, theirs = (each.strategy.state().arrays for each in (here, there))
    assert all(np.allclose(ours[name], theirs[name], equal_nan=True) for name in ours)
    assert there.exchange.missed == 0


def test_who_has_other_features_is_not_learnt_from() -> None:
    time, wire = Time(), Wire()
    here = Replica(wire, time, strategy="linucb", features=2)
    there = Replica(wire, time, strategy="linucb", features=3)
    here.arrive(features=np.ones((1, 2)))
    here.decide()
    here.end(GOOD)
    time.pass_on(1.0)
    assert there.exchange.missed == 1


def in_flight(replica: Replica) -> Sequence[float]:
    beliefs = replica.strategy.beliefs(np.array([replica.now()]))
    return [float(each) for each in beliefs["in_flight"][0]]


def promises(replica: Replica) -> list[float]:
    """How many are open, those of others included."""
    return [float(each) for each in replica.strategy.promises.held]  # type: ignore[attr-defined]
