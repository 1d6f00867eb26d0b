"""Who is let in, who waits for a place and for how long, and that no place is ever lost."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.proxy.gate import BATCH, LONGEST_LINE, LONGEST_WAIT, REFUSALS, Gate
from tests.clock import run_in_virtual_time


@dataclass(frozen=True)
class Named:
    """A request that asks to be let in."""

    name: str
    said: Callable[[str, str], None]

    def enter(self) -> None:
        self.said("in", self.name)

    def refuse(self) -> None:
        self.said("refused", self.name)


class Visitors:
    """Requests that ask to be let in, by name, and what came of it."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.story: list[tuple[str, str, float]] = []
        self.tasks: dict[str, asyncio.Task[Any]] = {}

    def ask(self, name: str) -> None:
        self.gate.ask(self.named(name))

    def named(self, name: str) -> Named:
        return Named(name, self._said)

    def forget(self, name: str) -> None:
        self.gate.forget(self.named(name))

    def enter(self, name: str) -> None:
        self.tasks[name] = asyncio.ensure_future(asyncio.sleep(100))
        self.gate.enter(self.named(name), self.tasks[name])

    def leave(self, name: str) -> None:
        task = self.tasks.pop(name)
        task.cancel()
        self.gate.leave(task)

    def _said(self, what: str, name: str) -> None:
        self.story.append((what, name, asyncio.get_running_loop().time()))


def test_who_finds_it_full_waits_in_order_and_is_refused_in_time() -> None:
    async def play() -> list[tuple[str, str, float]]:
        visitors = Visitors(Gate(1))
        for name in "abcd":
            visitors.ask(name)
        visitors.enter("a")
        await asyncio.sleep(0.5)
        visitors.leave("a")
        visitors.enter("b")
        visitors.forget("c")  # hung up
        await asyncio.sleep(2)
        visitors.leave("b")
        visitors.ask("e")
        return visitors.story

    assert run_in_virtual_time(play()) == [
        ("in", "a", 0.0),
        ("in", "b", 0.5),
        ("refused", "d", LONGEST_WAIT),
        ("in", "e", 2.5),
    ]


def test_a_place_that_is_not_taken_goes_to_the_next() -> None:
    """As of a request that no route takes, or whose client went before it was handled."""

    async def play() -> list[str]:
        visitors = Visitors(Gate(1))
        for name in "abc":
            visitors.ask(name)
        visitors.forget("a")
        visitors.forget("b")
        return [name for _, name, _ in visitors.story]

    assert run_in_virtual_time(play()) == ["a", "b", "c"]


def test_a_pass_of_the_event_loop_lets_in_so_many_and_the_next_one_goes_on() -> None:
    async def play() -> list[int]:
        visitors = Visitors(Gate(1000))
        for number in range(2 * BATCH + 1):
            visitors.ask(str(number))
        counts = [len(visitors.story)]
        for _ in range(2):
            await asyncio.sleep(0)
            counts.append(len(visitors.story))
        return counts

    assert run_in_virtual_time(play()) == [BATCH, 2 * BATCH, 2 * BATCH + 1]


def test_it_is_crowded_as_long_as_somebody_waits() -> None:
    async def play() -> list[bool]:
        visitors = Visitors(Gate(1))
        visitors.ask("a")
        visitors.enter("a")
        seen = [visitors.gate.crowded]
        visitors.ask("b")
        seen.append(visitors.gate.crowded)
        visitors.leave("a")
        return [*seen, visitors.gate.crowded]

    assert run_in_virtual_time(play()) == [False, True, False]


def test_whoever_waits_longest_makes_room_in_a_line_that_is_too_long() -> None:
    async def play() -> list[tuple[str, str, float]]:
        visitors = Visitors(Gate(0))
        for number in range(LONGEST_LINE + 2):
            visitors.ask(str(number))
        return visitors.story

    assert run_in_virtual_time(play()) == [("refused", "0", 0.0), ("refused", "1", 0.0)]


def test_many_are_refused_a_few_at_a_time() -> None:
    async def play() -> list[int]:
        visitors, counts = Visitors(Gate(0)), [0]
        for number in range(2 * REFUSALS + 1):
            visitors.ask(str(number))
        await asyncio.sleep(LONGEST_WAIT)
        for _ in range(5):
            counts.append(len(visitors.story))
            await asyncio.sleep(0)
        return counts

    counts = run_in_virtual_time(play())
    assert counts[-1] == 2 * REFUSALS + 1
    assert max(b - a for a, b in itertools.pairwise(counts)) == REFUSALS


def test_a_place_is_handed_over() -> None:
    async def play() -> int:
        visitors = Visitors(Gate(1))
        visitors.ask("a")
        visitors.gate.hand_over(visitors.named("a"), visitors.named("b"))
        visitors.enter("b")
        held = visitors.gate.in_flight
        visitors.forget("a")
        assert visitors.gate.in_flight == held
        visitors.leave("b")
        return held - visitors.gate.in_flight

    assert run_in_virtual_time(play()) == 1


def test_at_the_end_who_waits_is_refused_at_once() -> None:
    async def play() -> list[tuple[str, str, float]]:
        visitors = Visitors(Gate(1))
        visitors.ask("a")
        visitors.enter("a")
        visitors.ask("b")
        await asyncio.sleep(0.25)
        await visitors.gate.close(0.1)
        visitors.ask("c")
        return visitors.story[1:]

    assert run_in_virtual_time(play()) == [("refused", "b", 0.25), ("refused", "c", 0.35)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["ask", "enter", "leave", "forget", "wait"]), st.integers(0, 9))
    )
)
def test_no_order_of_events_loses_a_place_or_gives_one_too_many(
    events: list[tuple[str, int]],
) -> None:
    async def play() -> None:
        visitors = Visitors(Gate(2))
        gate, asked = visitors.gate, set[str]()
        for what, number in events:
            name = str(number)
            let_in = {each for told, each, _ in visitors.story if told == "in"}
            if what == "ask" and name not in asked:
                asked.add(name)
                visitors.ask(name)
            elif what == "enter" and name in let_in and visitors.named(name) in gate._entering:
                visitors.enter(name)
            elif what == "leave" and name in visitors.tasks:
                visitors.leave(name)
            elif what == "forget":
                visitors.forget(name)
            elif what == "wait":
                await asyncio.sleep(0.3)
            assert len(gate.inside) + len(gate._entering) <= 2
        for name in list(visitors.tasks):
            visitors.leave(name)
        for visitor in list(gate._entering):
            gate.forget(visitor)
        await asyncio.sleep(2)
        for visitor in list(gate._entering):
            gate.forget(visitor)
        visitors.ask("last")
        assert visitors.story[-1][:2] == ("in", "last")

    run_in_virtual_time(play())
