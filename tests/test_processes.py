"""Child processes: heard when they are ready, explained when they die, never left behind."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop

from flaky_load_balancer import processes
from flaky_load_balancer.core.errors import UserError
from flaky_load_balancer.processes import Child, ChildDiedError
from tests.programs import FLB, PATIENCE, eventually, is_free, nobody_left, port_of

FOR_EVER = "import time; time.sleep(1000)"


@asynccontextmanager
async def child(program: str, *words: str, stranger: bool = False) -> AsyncIterator[Child]:
    """A Python program as a child, stopped at the end."""
    command = [sys.executable, "-c", program, *words]
    started = await Child.start("the child", command, stranger=stranger)
    try:
        yield started
    finally:
        await started.stop()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    # Killed, but nobody has asked how it ended: where there is no init, grandchildren stay so.
    stat = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    return False


async def test_the_first_line_of_json_says_that_it_is_ready() -> None:
    program = f"""print('hello'); print('{{"port": 7}}', flush=True); {FOR_EVER}"""
    async with child(program) as one:
        assert await one.ready() == {"port": 7}


async def test_each_ready_line_is_heard_once_and_in_order() -> None:
    async with child("""for n in range(3): print('{"n": %d}' % n)\ninput()""") as one:
        assert [(await one.ready())["n"] for _ in range(3)] == [0, 1, 2]


async def test_a_ready_line_may_be_very_long() -> None:
    program = f"import json; print(json.dumps({{'a': 'x' * 300_000}}), flush=True); {FOR_EVER}"
    async with child(program) as one:
        assert len((await one.ready())["a"]) == 300_000


async def test_one_that_dies_is_told_with_its_exit_code_and_last_lines() -> None:
    program = """
import sys
for n in range(50): print("line", n)
sys.stdout.flush()
print("the reason", file=sys.stderr)
sys.exit(3)
"""
    async with child(program) as one:
        with pytest.raises(ChildDiedError) as caught:
            await one.ready()
    message = str(caught.value)
    assert "the child ended (exit code 3); the last lines it printed:" in message
    assert "  line 49" in message
    assert "  the reason" in message
    assert "  line 3\n" not in message
    assert caught.value.refusal is None


async def test_one_that_dies_in_silence() -> None:
    async with child("raise SystemExit(1)") as one:
        with pytest.raises(ChildDiedError, match=r"\(exit code 1\); it printed nothing"):
            await one.ready()


async def test_one_that_is_killed_is_told_by_the_signal() -> None:
    async with child("import os; os.kill(os.getpid(), 9)") as one:
        with pytest.raises(ChildDiedError, match="killed by SIGKILL"):
            await one.ready()


async def test_the_refusal_of_one_of_ours_is_passed_on_but_not_a_strangers() -> None:
    program = "import sys; print('error: port 1 is taken', file=sys.stderr); sys.exit(2)"
    async with child(program) as one:
        with pytest.raises(ChildDiedError) as caught:
            await one.ready()
        assert caught.value.refusal == "port 1 is taken"
    async with child(program, stranger=True) as one:
        with pytest.raises(ChildDiedError, match="exit code 2") as caught:
            await one.unless_it_dies(asyncio.sleep(PATIENCE))
        assert caught.value.refusal is None


async def test_a_stranger_who_prints_all_the_time_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """We have other things to do than to read it."""
    monkeypatch.setattr(processes, "PAUSE", 1000.0)
    async with child("n = 0\nwhile True: print(n := n + 1)", stranger=True) as one:
        most = processes.BURST // processes.LINE_COST
        while not one.tail or int(one.tail[-1]) < most // 2:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.3)
        assert int(one.tail[-1]) <= most


async def test_what_a_stranger_prints_as_json_is_no_message_to_us() -> None:
    program = """print('{"level": "error", "why": "no disk"}'); raise SystemExit(1)"""
    async with child(program, stranger=True) as one:
        with pytest.raises(ChildDiedError, match="no disk"):
            await one.unless_it_dies(asyncio.sleep(PATIENCE))


async def test_one_that_is_never_ready_is_not_waited_for_for_ever() -> None:
    async with child(f"print('still at it', flush=True); {FOR_EVER}") as one:
        with pytest.raises(ChildDiedError, match=r"not ready after 3 s.*\n  still at it"):
            await one.ready(within=3.0)


async def test_endless_output_without_a_line_end_blocks_nobody() -> None:
    program = f"""
import sys
sys.stdout.write("x" * 20_000_000)
sys.stderr.write("y" * 20_000_000 + "the end")
sys.stdout.write("\\n" + '{{"ready": 1}}' + "\\n")
sys.stdout.flush()
sys.exit(5) if input() else {FOR_EVER.partition("; ")[2]}
"""
    async with child("import time\n" + program) as one:
        assert await one.ready() == {"ready": 1}
        assert one.process.stdin is not None
        one.process.stdin.write(b"die\n")
        with pytest.raises(ChildDiedError) as caught:
            await one.ready()
    assert "exit code 5" in str(caught.value)
    assert len(str(caught.value)) < 50_000


async def test_a_program_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_bytes(b"\x7fELF of another machine")
    broken.chmod(0o755)
    with pytest.raises(UserError, match=r"the thing .*broken.* cannot be run: .*[Ff]ormat"):
        await Child.start("the thing", [str(broken)])


async def test_work_goes_on_while_the_child_lives_and_stops_when_it_dies() -> None:
    stopped = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(PATIENCE)
        finally:
            stopped.set()

    async with child(FOR_EVER) as one:
        assert await one.unless_it_dies(asyncio.sleep(0.01, "done")) == "done"
        asyncio.get_running_loop().call_later(0.1, one.signal, signal.SIGKILL)
        with pytest.raises(ChildDiedError):
            await one.unless_it_dies(work())
        assert stopped.is_set()


STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True)"
one = subprocess.Popen([sys.executable, "-c", program + "; time.sleep(1000)"], stdout=-1)
one.stdout.readline()
print('{"grandchild": %d}' % one.pid, flush=True)
time.sleep(1000)
"""


async def test_one_that_ignores_sigterm_is_killed_with_its_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 0.3)
    async with child(STUBBORN) as one:
        grandchild = (await one.ready())["grandchild"]
        assert not gone(grandchild)
    assert one.process.returncode == -signal.SIGKILL
    eventually(lambda: gone(grandchild), "the grandchild is gone")


async def test_whoever_does_not_wait_for_the_end_still_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "STOP_TIMEOUT", 3600.0)
    async with child(STUBBORN) as one:
        grandchild = (await one.ready())["grandchild"]
        stopping = asyncio.create_task(one.stop())
        await asyncio.sleep(0.1)
        stopping.cancel()
        with suppress(asyncio.CancelledError):
            await stopping
        async with asyncio.timeout(PATIENCE):
            assert await one.process.wait() == -signal.SIGKILL
    eventually(lambda: gone(grandchild), "the grandchild is gone")


def test_grandchildren_end_also_where_the_child_is_dead_already() -> None:
    program = """
import subprocess, sys
one = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
print('{"grandchild": %d}' % one.pid, flush=True)
"""

    async def work() -> None:
        async with child(program) as one:
            grandchild = (await one.ready())["grandchild"]
            with pytest.raises(ChildDiedError, match="exit code 0"):
                await one.unless_it_dies(asyncio.sleep(PATIENCE))
            assert not gone(grandchild)
        eventually(lambda: gone(grandchild), "the grandchild is gone")

    uvloop.run(work())  # asyncio waits for the pipes, too, which the grandchild holds open


PARENT = """
import asyncio, json, sys
from flaky_load_balancer.processes import Child

async def main():
    child = await Child.start("servers", json.loads(sys.argv[1]))
    print(json.dumps(await child.ready()), flush=True)
    await asyncio.sleep(1000)

asyncio.run(main())
"""


BUSY = """
import signal, time
from flaky_load_balancer.processes import end_with_parent

signal.signal(signal.SIGTERM, signal.SIG_IGN)
end_with_parent()
print("{}", flush=True)
while True:
    time.sleep(0.001)
"""


def test_the_death_of_the_parent_ends_a_child_that_is_too_busy_to_notice(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        PARENT,
        json.dumps([sys.executable, "-c", BUSY, str(tmp_path)]),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None  # a pipe
        assert json.loads(parent.stdout.readline()) == {}
        parent.kill()
    nobody_left(str(tmp_path))


@pytest.mark.parametrize("loud", [False, True])
def test_the_death_of_the_parent_ends_the_child(tmp_path: Path, loud: bool) -> None:
    servers = [*FLB, "servers", "--scenario", "T1", "--free-ports", "--child", "--json", "-"]
    command = [sys.executable, "-c", PARENT, json.dumps(servers)]
    ending = {"start_new_session": True, "cwd": tmp_path, "text": True}
    with subprocess.Popen(command, stdout=subprocess.PIPE, **ending) as parent:  # type: ignore[call-overload]
        fleets = json.loads(parent.stdout.readline())["fleets"]
        ports = [port_of(url) for url in fleets[0]["servers"]]
        assert len(ports) == 10
        assert not any(is_free(port) for port in ports)
        os.kill(parent.pid, signal.SIGTERM if loud else signal.SIGKILL)
    nobody_left(str(tmp_path))
    assert all(is_free(port) for port in ports)
