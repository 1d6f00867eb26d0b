"""What a strategy decides and learns, as facts for its replicas."""

from collections.abc import Callable, Sequence

import numpy as np

from flaky_load_balancer.core.strategy import Strategy, Wrapped, notes
from flaky_load_balancer.core.types import (
    GIVE_UP,
    HOLD,
    Action,
    Context,
    Feedback,
    Floats,
    Ints,
    Preference,
    Reward,
    Rules,
)
from flaky_load_balancer.sharing.facts import (
    Begun,
    Ended,
    Fact,
    Preferred,
    Promised,
    Rewarded,
    Withdrawn,
)


class Telling(Wrapped):
    """Tells of all that one balancer's strategy does; live, so of replication 0 only.

    ``servers`` says what they are called, by arm.  What is sent and promised is only told for
    strategies that want to know it of others (``Strategy.note``).
    """

    def __init__(
        self, inner: Strategy, servers: Callable[[], Sequence[str]], tell: Callable[[Fact], None]
    ) -> None:
        super().__init__(inner)
        self._servers, self._tell = servers, tell
        self._all = notes(inner)
        self._latest = 0  # request of which something was told
        self._promised: set[int] = set()  # requests that hold a promise

    def reset(self, rules: Rules, replications: int, rng: np.random.Generator) -> None:
        super().reset(rules, replications, rng)
        for request in self._promised:
            self._tell(Withdrawn(request))
        self._promised.clear()

    def select(self, context: Context) -> Action:
        action = self.inner.select(context)
        if self._all:
            self._decided(context, action)
        return action

    def observe(self, feedback: Feedback) -> None:
        self.inner.observe(feedback)
        time, self._latest = feedback.now.item(), feedback.request.item()
        features = feedback.features
        self._tell(
            Ended(
                self._latest,
                feedback.attempt.item(),
                self._servers()[feedback.arm.item()],
                feedback.outcome.item(),
                time - feedback.latency.item(),
                time,
                feedback.retry_after.item(),
                feedback.cost.item(),
                feedback.size.item(),
                () if features is None else _told(features),
            )
        )

    def reward(self, reward: Reward) -> None:
        self.inner.reward(reward)
        features = reward.features
        self._tell(
            Rewarded(
                reward.request.item(),
                self._servers()[reward.arm.item()],
                reward.now.item(),
                reward.value.item(),
                reward.previous.item(),
                () if features is None else _told(features),
            )
        )

    def prefer(self, preference: Preference) -> None:
        self.inner.prefer(preference)
        features, servers = preference.features, self._servers()
        self._tell(
            Preferred(
                self._latest,
                servers[preference.better.item()],
                servers[preference.worse.item()],
                preference.now.item(),
                () if features is None else _told(features),
                corrects=preference.corrects is not None and preference.corrects.item(),
            )
        )

    def withdraw(self, rows: Ints, requests: Ints) -> None:
        self.inner.withdraw(rows, requests)
        self._left(requests.item())

    def _decided(self, context: Context, action: Action) -> None:
        arm, request = action.arm.item(), context.request.item()
        if arm == HOLD and action.until is not None and action.index is not None:
            self._promised.add(request)
            server = self._servers()[int(action.index.argmax())]
            until, now = action.until.item(), context.now.item()
            self._tell(Promised(request, server, until, now, context.size.item()))
        elif arm <= GIVE_UP or arm == HOLD:
            self._left(request)
        else:
            self._promised.discard(request)
            attempt, now = context.attempt.item(), context.now.item()
            self._tell(Begun(request, attempt, self._servers()[arm], now, context.size.item()))

    def _left(self, request: int) -> None:
        if request in self._promised:
            self._promised.discard(request)
            self._tell(Withdrawn(request))


def _told(features: Floats) -> tuple[float, ...]:
    """Of a single request; NaN and infinity cannot be learnt from."""
    values: list[float] = np.nan_to_num(features[0]).tolist()
    return tuple(values)
