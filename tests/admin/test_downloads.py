"""Downloads are written by another process, a few at a time, and end with their reader."""

import csv
from io import StringIO
from pathlib import Path

from flaky_load_balancer.admin.downloads import AT_ONCE, Downloads
from flaky_load_balancer.records import Recorder, Records
from tests.records.making import start_run, story


def recorded(folder: Path, requests: int) -> Records:
    with Recorder(folder) as recorder:
        run = start_run(recorder)
        for event in story(requests):
            recorder.record(run, event)
    return Records(folder)


async def test_all_attempts_come(tmp_path: Path) -> None:
    downloads, records = Downloads(), recorded(tmp_path, 300)
    text = b"".join([piece async for piece in downloads.csv(records, 1)]).decode()
    assert len(list(csv.DictReader(StringIO(text)))) == 600
    assert not downloads.full


async def test_a_reader_that_leaves_ends_it_and_makes_room(tmp_path: Path) -> None:
    downloads, records = Downloads(), recorded(tmp_path, 3000)
    going_on = [downloads.csv(records, 1) for _ in range(AT_ONCE)]
    for download in going_on:
        assert (await anext(download)).startswith(b"run,")
    assert downloads.full
    for download in going_on:
        await download.aclose()
    assert not downloads.full
