"""``python -m sandbox.warden``: the plan comes on stdin, which then is the tie to the launcher."""

import marshal
import os
import sys

from sandbox.warden.run import run


def _read(size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = os.read(0, size - len(data))
        if not more:
            sys.exit(1)  # the launcher ended before it said anything
        data += more
    return data


def main() -> None:
    plan = marshal.loads(_read(int.from_bytes(_read(4), "big")))
    sys.exit(run(plan, tie=0))


if __name__ == "__main__":
    main()
