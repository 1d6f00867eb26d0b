"""When the first server of a route wakes, which is what ``Retry-After`` says."""

import numpy as np
import pytest

from flaky_load_balancer.core.types import Floats
from tests.routes import answering, route
from tests.scripted import Scripted


class Waiting(Scripted):
    """Would send to its three servers again at these times."""

    def retry_at(self, now: Floats) -> Floats:
        return np.array([[12.0, 15.0, 11.5]])


def test_the_first_server_wakes_by_its_own_word_and_in_the_strategys_eyes() -> None:
    served = route(answering(), Waiting(()))
    assert served.wakes_in(10.0) == pytest.approx(1.5)
    served.dispatcher.not_before = [11.0, 0.0, 30.0]
    assert served.wakes_in(10.0) == pytest.approx(2.0)
    assert served.wakes_in(20.0) == 0.0


def test_without_a_reason_to_wait_it_wakes_at_once() -> None:
    assert route(answering()).wakes_in(10.0) == 0.0
