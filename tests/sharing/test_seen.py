"""Each fact of a sender is taken once, in whatever order and however often it comes."""

from hypothesis import given
from hypothesis import strategies as st

from flaky_load_balancer.sharing.seen import Seen

BATCHES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 10)), max_size=40)


@given(BATCHES)
def test_each_is_taken_once(batches: list[tuple[int, int]]) -> None:
    seen, taken = Seen(0), list[int]()
    for first, count in batches:
        for start, end in seen.take(first, first + count):
            assert start < end
            taken += range(start, end)
    expected = {number for first, count in batches for number in range(first, first + count)}
    assert sorted(taken) == sorted(expected)
    assert seen.next == max((f + n for f, n in batches), default=0)
    assert seen.missing == (seen.next or 0) - len(expected)


def test_what_was_before_we_came_is_no_loss() -> None:
    seen = Seen()
    assert seen.take(1000, 1002) == [(1000, 1002)]
    assert seen.missing == 0
    assert seen.take(990, 1001) == []


def test_a_sign_of_life_says_what_was_lost() -> None:
    seen = Seen(5)
    assert seen.take(9, 9) == []
    assert seen.missing == 4
