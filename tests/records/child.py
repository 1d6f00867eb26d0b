"""A process that records as fast as it may until it is killed: ``python -m tests.records.child``.

It tells how many events it has recorded through a file that is mapped into memory, which a kill
leaves as it is.
"""

import mmap
import struct
import sys
import time
from pathlib import Path

from flaky_load_balancer.records import Recorder
from tests.records.making import start_run, story

COUNT = struct.Struct("<q")


def main(folder: str, progress: str) -> None:
    with Path(progress).open("r+b") as file, mmap.mmap(file.fileno(), COUNT.size) as shared:
        recorder = Recorder(folder)
        run = start_run(recorder)
        count = 0
        while True:
            for event in story(20, first=1 + count // 3):
                recorder.record(run, event)
                count += 1
                COUNT.pack_into(shared, 0, count)
            time.sleep(0.008)


if __name__ == "__main__":
    main(*sys.argv[1:])
