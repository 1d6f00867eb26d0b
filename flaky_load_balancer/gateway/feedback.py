"""What clients say that answers were worth: ``POST /v1/feedback``."""

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np

from flaky_load_balancer.core.balancer import ROW
from flaky_load_balancer.core.events import Preferred, Rewarded
from flaky_load_balancer.core.types import Floats, Preference, Reward
from flaky_load_balancer.gateway.errors import AskedWrongError, parsed
from flaky_load_balancer.gateway.ledger import OLDEST, RECENT, Decided, place
from flaky_load_balancer.gateway.route import GatewayRoute
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import Records

WRITTEN = 1.5  # seconds after which what happened is in the records
Record = Callable[[int, Rewarded | Preferred], None]  # an event of the run of this number


class Feedback:
    """Finds the decision that an id names, and tells its strategy."""

    def __init__(self, route: GatewayRoute, records: Records | None, record: Record) -> None:
        self._route = route
        self._records = records
        self._record = record
        if records is not None:
            route.ledger.most = RECENT  # older ones are found there

    async def take(self, body: bytes) -> None:
        """AskedWrongError if it cannot be read, or is about nothing that is known."""
        document = parsed(body)
        if not isinstance(document, dict):
            raise AskedWrongError(400, "The body is not a JSON object.")
        if "better" in document or "worse" in document:
            better, worse = _pair(document)
            self._prefer(await self._known(better, "better"), await self._known(worse, "worse"))
        else:
            id_, value = _id(document, "id"), _reward(document)
            self._rate(await self._known(id_, "id"), value)

    def _rate(self, decided: Decided, value: float) -> None:
        """An answer was worth so much; of several values the last one counts."""
        part = self._parts()[decided.route]
        now, before = part.dispatcher.now(), decided.value
        task = part.balancer.rules.task(self._seen(decided))
        about = decided.request, decided.index
        self._record(decided.run, Rewarded(*about, now, value, before, task))
        decided.value = value
        if not self._told(decided) or decided.server not in part.servers:
            return
        part.balancer.reward(
            Reward(
                ROW,
                np.array([now]),
                np.array([decided.request]),
                np.array([part.servers.index(decided.server)]),
                np.array([value]),
                np.array([np.nan if before is None else before]),
                self._seen(decided),
            )
        )

    def _prefer(self, better: Decided, worse: Decided) -> None:
        """One answer was better than another: of what is said of two the last one counts."""
        if better.key == worse.key:
            raise AskedWrongError(400, "better and worse are the same answer.", param="worse")
        if worse.key in better.beaten:
            return  # said before
        corrects = better.key in worse.beaten
        worse.beaten -= {better.key}
        better.beaten |= {worse.key}
        now = self._now()
        other = worse.run, worse.request, worse.index
        self._record(better.run, Preferred(better.request, better.index, now, *other))
        if not self._told(better) or better.server == worse.server:
            return
        for name in dict.fromkeys([better.route, worse.route]):  # the parts of an A/B test
            part = self._parts()[name]
            if {better.server, worse.server} <= set(part.servers):
                one, two = (np.array([part.servers.index(d.server)]) for d in (better, worse))
                part.balancer.prefer(
                    Preference(
                        ROW, np.array([now]), one, two, self._seen(better), np.array([corrects])
                    )
                )

    def _told(self, decided: Decided) -> bool:
        """Whether the strategy hears of it: success may be worth 1, features of other settings."""
        wanted = 0 if self._route.features is None else len(self._route.features)
        seen = 0 if decided.features is None else decided.features.shape[1]
        return self._route.gateway.reward == "feedback" and wanted in {0, seen}

    def _seen(self, decided: Decided) -> Floats | None:
        return None if self._route.features is None else decided.features

    def _parts(self) -> dict[str, Route]:
        return {part.name: part for _, part in self._route.parts}

    async def _known(self, id_: str, param: str) -> Decided:
        """The decision that an id names."""
        decided = await self.decided(id_)
        if decided is None or decided.route not in self._parts():
            raise AskedWrongError(
                404, f"No answer {id_!r} of the last 24 hours.", code="not_found", param=param
            )
        return decided

    async def decided(self, id_: str) -> Decided | None:
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
            frozenset(row["beaten"]),
        )

    def _now(self) -> float:
        return self._route.parts[0][1].dispatcher.now()


def _pair(document: dict[str, Any]) -> tuple[str, str]:
    """The ids of the better answer and of the worse one."""
    if "id" in document or "reward" in document:
        raise AskedWrongError(400, "Say either id and reward, or better and worse.")
    return _id(document, "better"), _id(document, "worse")


def _reward(document: dict[str, Any]) -> float:
    reward = document.get("reward")
    if not isinstance(reward, int | float) or isinstance(reward, bool) or not 0 <= reward <= 1:
        raise AskedWrongError(400, "reward must be a number from 0 to 1.", param="reward")
    return float(reward)


def _id(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise AskedWrongError(400, f"{name} must be the id of an answer.", param=name)
    return value
