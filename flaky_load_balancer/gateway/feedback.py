"""What clients say that answers were worth: ``POST /v1/feedback``."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from flaky_load_balancer.core.balancer import ROW
from flaky_load_balancer.core.events import Rewarded
from flaky_load_balancer.core.types import Reward
from flaky_load_balancer.gateway.errors import AskedWrongError, parsed
from flaky_load_balancer.gateway.ledger import OLDEST, Decided, place
from flaky_load_balancer.gateway.route import GatewayRoute
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import Records

WRITTEN = 1.5  # seconds after which what happened is in the records
Record = Callable[[int, Rewarded], None]  # an event of the run of this number


class Feedback:
    """Finds the decision that an id names, and tells its strategy."""

    def __init__(self, route: GatewayRoute, records: Records | None, record: Record) -> None:
        self._route = route
        self._records = records
        self._record = record

    async def take(self, body: bytes) -> None:
        """AskedWrongError if it cannot be read, or is about nothing that is known."""
        for id_, value in _values(parsed(body)):
            decided = await self._decided(id_)
            parts = {part.name: part for _, part in self._route.parts}
            if decided is None or decided.route not in parts:
                raise AskedWrongError(
                    404, f"No answer {id_!r} of the last 24 hours.", code="not_found", param="id"
                )
            self._tell(parts[decided.route], decided, value)

    def _tell(self, part: Route, decided: Decided, value: float) -> None:
        now = part.dispatcher.now()
        event = Rewarded(decided.request, decided.index, now, value, decided.value)
        self._record(decided.run, event)
        previous = np.nan if decided.value is None else decided.value
        decided.value = value
        if self._route.gateway.reward != "feedback" or decided.server not in part.servers:
            return  # success was worth 1 already, or the server is gone
        part.balancer.reward(
            Reward(
                ROW,
                np.array([now]),
                np.array([decided.request]),
                np.array([part.servers.index(decided.server)]),
                np.array([value]),
                np.array([previous]),
                self._fitting(decided),
            )
        )

    def _fitting(self, decided: Decided) -> Any:
        """The features, unless they are of other settings than those of today."""
        wanted = 0 if self._route.features is None else len(self._route.features)
        features = decided.features
        return features if features is not None and features.shape[1] == wanted else None

    async def _decided(self, id_: str) -> Decided | None:
        """From memory, or from the records: of another process, or of one before this."""
        found, oldest = self._route.ledger.find(id_), self._now() - OLDEST
        if found is None and self._records is not None:
            found = await asyncio.to_thread(self._recorded, id_, oldest)
            if found is None and place(id_) is not None:
                await asyncio.sleep(WRITTEN)  # a decision of another worker, perhaps
                found = await asyncio.to_thread(self._recorded, id_, oldest)
            if found is not None:
                there = self._route.ledger.find(id_)  # somebody else may have been quicker
                if there is not None:
                    return there
                self._route.ledger.remember(id_, None, found)
        return found if found is not None and found.time >= oldest else None

    def _recorded(self, id_: str, oldest: float) -> Decided | None:
        assert self._records is not None
        row = self._records.answered(id_, place(id_), oldest)
        if row is None:
            return None
        features = row["features"]
        return Decided(
            row["route"],
            row["run"],
            row["request"],
            row["servers"][row["server"]],
            row["server"],
            None if features is None else np.array([features], dtype=float),
            row["ended"],
            row["value"],
        )

    def _now(self) -> float:
        return self._route.parts[0][1].dispatcher.now()


def _values(document: Any) -> list[tuple[str, float]]:
    """Ids, and what their answers were worth."""
    if not isinstance(document, dict):
        raise AskedWrongError(400, "The body is not a JSON object.")
    if "better" in document or "worse" in document:
        return [(_id(document, "better"), 1.0), (_id(document, "worse"), 0.0)]
    reward = document.get("reward")
    if not isinstance(reward, int | float) or isinstance(reward, bool) or not 0 <= reward <= 1:
        raise AskedWrongError(400, "reward must be a number from 0 to 1.", param="reward")
    return [(_id(document, "id"), float(reward))]


def _id(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise AskedWrongError(400, f"{name} must be the id of an answer.", param=name)
    return value
