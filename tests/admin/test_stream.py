"""The live stream: frames while something changes, heartbeats otherwise, nobody waits."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import orjson

from flaky_load_balancer.admin import schemas
from flaky_load_balancer.admin.stream import EVERY, HEARTBEAT, READERS, REMEMBERED, Event, Live
from flaky_load_balancer.core.types import Outcome
from flaky_load_balancer.proxy.route import Route
from flaky_load_balancer.records import NoRecorder
from tests.clock import run_in_virtual_time
from tests.routes import answering, deliver, route


class Recorded(NoRecorder):
    def __init__(self) -> None:
        super().__init__()
        self.frames: list[tuple[int, float, bytes]] = []

    def frame(self, run: int, now: float, frame: str | bytes) -> None:
        assert isinstance(frame, bytes)
        self.frames.append((run, now, frame))


class Reader:
    """Reads a stream in the background."""

    def __init__(self, live: Live, last_id: str | None = None) -> None:
        self.events: list[Event] = []
        self.task = asyncio.create_task(self._read(live, last_id))

    async def _read(self, live: Live, last_id: str | None) -> None:
        async for event in live.events(last_id):
            self.events.append(event)

    @property
    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]


def virtually(play: Callable[[Live, Route, Recorded], Coroutine[Any, Any, None]]) -> None:
    async def stage() -> None:
        served = route(answering(*[Outcome.SUCCEEDED] * 1000))
        served.run = 7
        recorder = Recorded()
        live = Live([served], asyncio.get_running_loop().time, recorder)
        making = asyncio.create_task(live.run())
        await asyncio.sleep(0.1)  # so that nothing below happens just when a frame is made
        try:
            await play(live, served, recorder)
        finally:
            making.cancel()

    run_in_virtual_time(stage())


def test_connected_then_frames_only_while_something_changes() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        reader = Reader(live)
        await asyncio.sleep(3 * EVERY)
        assert reader.kinds == ["connected", "metrics"]  # the first frame, then nothing new
        await deliver(served)
        await asyncio.sleep(EVERY)
        assert reader.kinds == ["connected", "metrics", "metrics"]
        frame = schemas.Frame.model_validate_json(reader.events[-1].data)
        assert frame.routes[0].delivered == 1
        assert frame.routes[0].servers.attempts == [1, 0, 0]

    virtually(play)


def test_a_heartbeat_where_nothing_happens() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        reader = Reader(live)
        await asyncio.sleep(3 * HEARTBEAT + 2)
        assert reader.kinds == ["connected", "metrics", "heartbeat", "heartbeat", "heartbeat"]

    virtually(play)


def test_ids_rise_and_a_reader_that_comes_back_gets_what_it_missed() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        first = Reader(live)
        for _ in range(3):
            await deliver(served)
            await asyncio.sleep(EVERY)
        first.task.cancel()
        seen = first.events[2].id
        again = Reader(live, seen)
        await asyncio.sleep(0.01)
        missed = [event for event in again.events if event.kind == "metrics"]
        assert missed == first.events[3:]
        ids = [int(event.id.rpartition("-")[2]) for event in first.events]
        assert ids == [0, 1, 2, 3]

    virtually(play)


def test_an_id_of_another_process_starts_from_the_newest_frame() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        for _ in range(3):
            await deliver(served)
            await asyncio.sleep(EVERY)
        for strange in ("deadbeef-2", "x", "-", "deadbeef-99999999999999999999"):
            reader = Reader(live, strange)
            await asyncio.sleep(0.01)
            assert reader.kinds == ["connected", "metrics"]
            assert orjson.loads(reader.events[1].data)["routes"][0]["delivered"] == 3

    virtually(play)


def test_a_reader_that_is_stuck_costs_nothing_and_misses_frames() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        stream = live.events()
        assert (await anext(stream)).kind == "connected"  # and then it does not read
        for _ in range(3 * REMEMBERED):
            await deliver(served)
            await asyncio.sleep(EVERY)
        caught_up = [await anext(stream) for _ in range(REMEMBERED)]
        assert orjson.loads(caught_up[-1].data)["routes"][0]["delivered"] == 3 * REMEMBERED

    virtually(play)


def test_a_frame_does_not_grow_with_the_run() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        await deliver(served)
        small = len(await live.snapshot())
        for _ in range(900):
            await deliver(served)
        assert len(await live.snapshot()) < small + 40  # more digits, nothing else

    virtually(play)


def test_frames_are_recorded_for_replay_in_the_same_shape() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        await deliver(served)
        await asyncio.sleep(2 * EVERY)
        (run, now, frame) = recorder.frames[0]
        assert run == 7
        assert schemas.Frame.model_validate_json(frame).time == now

    virtually(play)


def test_close_ends_every_stream_after_the_last_frame() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        reader = Reader(live)
        await asyncio.sleep(EVERY + 0.1)
        await deliver(served)
        await live.close()
        await asyncio.wait_for(reader.task, 1.0)
        assert orjson.loads(reader.events[-1].data)["routes"][0]["delivered"] == 1

    virtually(play)


def test_one_frame_is_encoded_once_for_all_readers_and_readers_are_bounded() -> None:
    async def play(live: Live, served: Route, recorder: Recorded) -> None:
        streams = [live.events() for _ in range(READERS)]
        for stream in streams:
            assert (await anext(stream)).kind == "connected"
        assert live.full
        await deliver(served)
        await asyncio.sleep(EVERY)
        frames = [await anext(stream) for stream in streams]
        assert len({id(event.encoded) for event in frames}) == 1
        assert frames[0].encoded.startswith(b"id: ")
        await streams[0].aclose()
        assert not live.full

    virtually(play)
