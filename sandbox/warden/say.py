"""What the warden says: lines among the program's own, and never waiting for a reader."""

import os
import select


def tell(what: str) -> None:
    poll = select.poll()
    poll.register(2, select.POLLOUT)
    try:
        if poll.poll(0):
            os.write(2, f"sandbox: {what}\n".encode())
    except OSError:
        return  # nobody listens any more
