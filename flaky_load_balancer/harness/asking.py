"""A client of the gateway that asks questions at a rate, and rates the answers that it gets."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

RATED = re.compile(r"quality=(\d(?:\.\d+)?)")  # what a fake model says of its answer
PATIENCE = 30.0  # seconds for an answer


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and what came of it."""

    task: str
    server: str | None  # None: no answer
    quality: float  # 0 without an answer
    usd: float
    seconds: float
    attempts: int
    rated: bool = False  # the gateway took its rating


class Asking:
    """Questions sent open loop, each rated when it is answered."""

    def __init__(self, url: str, rate: float, answered: Callable[[], None]) -> None:
        self._url, self._rate, self._answered = url, rate, answered

    async def ask(self, questions: Sequence[tuple[str, str]]) -> list[Asked]:
        """What came of all questions, in their order."""
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=PATIENCE, limits=limits, trust_env=False) as http:
            start = time.monotonic()
            async with asyncio.TaskGroup() as group:
                tasks = []
                for place, (task, text) in enumerate(questions):
                    await asyncio.sleep(max(0.0, start + place / self._rate - time.monotonic()))
                    tasks.append(group.create_task(self._one(http, task, text)))
        return [task.result() for task in tasks]

    async def _one(self, http: httpx.AsyncClient, task: str, text: str) -> Asked:
        began = time.monotonic()
        body = {"model": "auto", "messages": [{"role": "user", "content": text}]}
        try:
            answer = await http.post(f"{self._url}/v1/chat/completions", json=body)
        except httpx.HTTPError:
            self._answered()
            return Asked(task, None, 0.0, 0.0, time.monotonic() - began, 0)
        said = RATED.search(answer.text) if answer.is_success else None
        quality = 0.0 if said is None else float(said[1])
        seconds = time.monotonic() - began
        rated = said is not None and await self._rate_it(http, answer, quality)
        self._answered()
        return Asked(
            task=task,
            server=answer.headers.get("x-flb-server") if said is not None else None,
            quality=quality,
            usd=float(answer.headers.get("x-flb-cost-usd", 0.0)),
            seconds=seconds,
            attempts=int(answer.headers.get("x-flb-attempts", 0)),
            rated=rated,
        )

    async def _rate_it(
        self, http: httpx.AsyncClient, answer: httpx.Response, quality: float
    ) -> bool:
        """Tell the gateway how good an answer is; whether it was taken."""
        rating = {"id": answer.headers.get("x-flb-decision", ""), "reward": quality}
        try:
            told = await http.post(f"{self._url}/v1/feedback", json=rating)
        except httpx.HTTPError:
            return False
        return told.is_success
