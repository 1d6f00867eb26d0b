"""Stories are played in another process, one at a time, and whatever happens to it."""

import asyncio
import json

import pytest

from flaky_load_balancer.admin import playing
from flaky_load_balancer.admin.playing import BusyError, Player

STORY = json.dumps({"strategy": "v4", "servers": 2, "story": [{"rates": [0.0, 1.0]}]}).encode()


async def test_a_story_is_played_again_alike() -> None:
    player = Player()
    first, second = [await player.play(STORY) for _ in range(2)]
    assert first == second
    assert first[0] == 200
    assert json.loads(first[1])["played"]["requests"] == 1
    await player.close()


async def test_a_process_that_ended_is_started_again() -> None:
    player = Player()
    first = await player.play(STORY)
    assert player._process is not None
    player._process.kill()
    await player._process.wait()
    assert await player.play(STORY) == first
    await player.close()


async def test_an_answer_that_nobody_waits_for_is_not_taken_for_the_next() -> None:
    player = Player()
    other = STORY.replace(b'"v4"', b'"v6"')
    waiting = asyncio.create_task(player.play(other))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert "until" not in json.loads((await player.play(STORY))[1])["beliefs"]
    await player.close()


async def test_too_many_stories_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "WAITING", 2)
    player = Player()
    results = await asyncio.gather(*(player.play(STORY) for _ in range(4)), return_exceptions=True)
    assert [isinstance(result, BusyError) for result in results] == [False, False, True, True]
    await player.close()


async def test_a_story_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "PATIENCE", 0.0)
    player = Player()
    with pytest.raises(BusyError):
        await player.play(STORY)
    monkeypatch.undo()
    assert (await player.play(STORY))[0] == 200
    await player.close()
