"""Scenario files: the whole format is read, and anything else is refused in one line."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flaky_load_balancer.simulation.scenarios import (
    Failure,
    Latency,
    Limit,
    Motion,
    PerServer,
    Scenario,
    ScenarioError,
    Size,
    Stretch,
    parse,
    read,
)

WHOLE = """
name = "example"
description = "every key once"
servers = 2
port = 7000

[failure]
uniform = [0.1, 0.6]

[limit]
kind = "token-bucket"
window = 2.0
values = [1, 4.5]
burst = 3
retry_after = true
capacity = [1.2, 1.6]

[limit.motion]
kind = "sinusoid"
amplitude = 0.8
period = [10.0, 60.0]

[latency]
median = 0.002
sigma = 0.5

[[faults]]
servers = [0, 1]
from = 5.0
to = 8.0
kind = "down"

[[faults]]
servers = [1]
from = 0
to = inf
kind = "slow"
delay = 0.25
"""
LEAST = 'name = "least"\nservers = 1\n[failure]\nuniform = [0, 1]\n'
LIMIT = LEAST + '[limit]\nkind = "fixed-window"\nwindow = 1\nuniform = [1, 4]\n'
FAULT = LEAST + '[[faults]]\nservers = [0]\nfrom = 1\nto = 2\nkind = "error"\n'


def test_every_key_is_read() -> None:
    assert parse(WHOLE, source="x") == Scenario(
        name="example",
        description="every key once",
        servers=2,
        port=7000,
        failure=Failure(PerServer((0.1, 0.1), (0.6, 0.6))),
        limits=(
            Limit(
                kind="token-bucket",
                window=2.0,
                admissions=PerServer((1.0, 4.5), (1.0, 4.5)),
                burst=3.0,
                retry_after=True,
                capacity=(1.2, 1.6),
                motion=Motion("sinusoid", (0.8, 0.8), (10.0, 60.0)),
            ),
        ),
        latency=Latency(0.002, 0.5),
        faults=(
            Stretch((0, 1), 5.0, 8.0, "down"),
            Stretch((1,), 0.0, float("inf"), "slow", delay=0.25),
        ),
    )


def test_what_may_be_left_out_has_defaults() -> None:
    scenario = parse(LEAST, source="x")
    assert scenario.limits == ()
    assert scenario.port is None
    assert scenario.faults == ()
    assert scenario.latency == Latency(0.0011, 0.4)
    assert parse(LIMIT, source="x").limits[0] == Limit(
        "fixed-window", 1.0, PerServer((1.0,), (4.0,)), burst=1.0, retry_after=False
    )
    assert parse(FAULT, source="x").faults[0].rate == 1.0


def test_changes_are_the_ends_of_faults() -> None:
    assert parse(WHOLE, source="x").changes == (0.0, 5.0, 8.0, float("inf"))


WRONG = {
    "name": (LEAST.replace('name = "least"\n', ""), "missing, expected a text"),
    "name ": (LEAST.replace('"least"', '"a/b"'), "letters, digits"),
    "servers": (LEAST.replace("servers = 1", "servers = 0"), "a whole number from 1 to 1000"),
    "servers ": (LEAST.replace("servers = 1", "servers = 1.5"), "a whole number"),
    "servers  ": (LEAST.replace("servers = 1", "servers = true"), "a whole number"),
    "sevrers": (LEAST.replace("servers", "sevrers", 1) + "", "servers: missing"),
    "port": ("port = 65536\n" + LEAST, "from 1 to 65535, not 65536"),
    "ports": ("ports = 1\n" + LEAST, "unknown key, did you mean port?"),
    "description": ("description = 1\n" + LEAST, "expected a text, not 1"),
    "failure": (LEAST.replace("[failure]\nuniform = [0, 1]", "failure = 1"), "a table [failure]"),
    "failure ": (LEAST[: LEAST.index("[")], "missing, expected a table [failure]"),
    "failure.uniform": (LEAST.replace("[0, 1]", "[0, 1.1]"), "two numbers from 0 to 1"),
    "failure.uniform ": (LEAST.replace("[0, 1]", "[0.9, 0.1]"), "in this order"),
    "failure.uniform  ": (LEAST.replace("[0, 1]", "0.5"), "[least, most]"),
    "failure.uniform   ": (LEAST.replace("[0, 1]", "[0, nan]"), "two numbers from 0 to 1"),
    "failure.uniform    ": (LEAST + "values = [0.1]", "either uniform"),
    "failure.values": (LEAST.replace("uniform", "values"), "a list of 1 numbers"),
    "failure.values ": (LEAST.replace("uniform = [0, 1]", 'values = ["a"]'), "not 'a'"),
    "failure.extra": (LEAST + "extra = 1", "unknown key"),
    "limit": (LEAST + "[[limit]]", "a table [limit]"),
    "limit.kind": (LIMIT.replace("fixed-window", "leaky"), 'one of "token-bucket"'),
    "limit.window": (LIMIT.replace("window = 1\n", ""), "missing"),
    "limit.window ": (LIMIT.replace("window = 1\n", "window = 0\n"), "from 0.001"),
    "limit.uniform": (LIMIT.replace("[1, 4]", "[1, 4.5]"), "two whole numbers"),
    "limit.uniform ": (LIMIT.replace("[1, 4]", "[-1, 4]"), "two whole numbers from 0"),
    "limit.burst": (LIMIT + "burst = 2", "unknown key"),
    "limit.burst ": (LIMIT.replace("fixed-window", "token-bucket") + "burst = 0.5", "from 1"),
    "limit.retry_after": (LIMIT + "retry_after = 1", "true or false, not 1"),
    "limit.capacity": (LIMIT + "capacity = 1.5", "[least, most]"),
    "limit.motion.kind": (LIMIT + "[limit.motion]\nperiod = 1", "missing"),
    "limit.motion.period": (
        LIMIT + '[limit.motion]\nkind = "walk"\namplitude = 1\nperiod = 0',
        "a number from 0.1 to 1000000, not 0",
    ),
    "limit.motion.amplitude": (
        LIMIT + '[limit.motion]\nkind = "walk"\namplitude = 1.5\nperiod = 1',
        "a number from 0 to 1, not 1.5",
    ),
    "latency.median": (LEAST + "[latency]\nmedian = -1", "a number from 0 to 60, not -1"),
    "latency.mean": (LEAST + "[latency]\nmean = 1", "unknown key"),
    "latency.sigma": (
        LEAST + "[latency]\nsigma = 1\n[latency.tail]\nuniform = [1, 2]",
        "either sigma (lognormal) or [latency.tail] (Pareto)",
    ),
    "latency.tail.uniform": (LEAST + "[latency.tail]", "either uniform = [low, high] or values"),
    "latency.tail.uniform ": (
        LEAST + "[latency.tail]\nuniform = [0, 2]",
        "from 0.1 to 100, not [0, 2]",
    ),
    "faults": (LEAST + "[faults]", "tables [[faults]]"),
    "faults[0].servers": (FAULT.replace("[0]\n", "[1]\n"), "from 0 to 0, not 1"),
    "faults[0].servers ": (FAULT.replace("[0]\n", "[]\n"), "a list of different servers"),
    "faults[0].servers  ": (FAULT.replace("[0]\n", "[0, 0]\n"), "a list of different servers"),
    "faults[0].to": (FAULT.replace("to = 2", "to = 1"), "a time after from = 1"),
    "faults[0].from": (FAULT.replace("from = 1\n", ""), "missing"),
    "faults[0].kind": (FAULT.replace("error", "Error"), "not 'Error'"),
    "faults[0].delay": (FAULT + "delay = 1", "unknown key"),
    "faults[0].rate": (FAULT + "rate = 2", "a number from 0 to 1, not 2"),
}


@pytest.mark.parametrize("key", WRONG)
def test_wrong_files_are_refused_with_file_key_and_expectation(key: str) -> None:
    text, expected = WRONG[key]
    with pytest.raises(ScenarioError) as caught:
        parse(text, source="folder/my.toml")
    message = str(caught.value)
    assert message.startswith("folder/my.toml: ")
    assert key.strip() in message or expected.startswith("servers")
    assert expected in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "text", ["x", "a = [" * 20_000, "a = 1\na = 2", "a = 2020-99-99", "a = 9" + "9" * 5000, "\0"]
)
def test_what_is_not_toml_is_refused(text: str) -> None:
    with pytest.raises(ScenarioError, match=r"^my\.toml: not a TOML file: "):
        parse(text, source="my.toml")


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(ScenarioError) as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        return str(caught.value)

    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\x7fELF\xff\xfe\x00")
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (1 << 21))
    assert "not UTF-8" in message(binary)
    assert "larger than" in message(huge)
    assert "no such file" in message(tmp_path / "missing.toml")
    assert "not a file" in message(tmp_path)
    assert "not a file" in message(Path("/dev/zero"))
    assert "cannot be read" in message(tmp_path / ("long" * 1000))
    assert "no such file" in message(Path("nul\0byte"))


def test_files_of_other_systems_are_read(tmp_path: Path) -> None:
    file = tmp_path / "windows.toml"
    file.write_bytes(b"\xef\xbb\xbf" + LEAST.replace("\n", "\r\n").encode())
    assert read(file).name == "least"


LINES = [line for line in WHOLE.splitlines() if line]
LAST_OF_FAULT = next(place for place, line in enumerate(LINES) if line.startswith("to = "))
VALUES = st.one_of(
    st.sampled_from(["true", "nan", "inf", "-inf", "1e999", "0x" + "f" * 9000, "[[]]", "{}", '""']),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.lists(st.integers()).map(str),
    st.text(max_size=5).map(repr),
)


@settings(max_examples=200, deadline=None)
@given(
    edits=st.lists(
        st.tuples(st.integers(0, len(LINES) - 1), st.one_of(st.none(), VALUES)), max_size=3
    )
)
@example(edits=[(2, "0x" + "f" * 9000)])
@example(
    edits=[(next(n for n, line in enumerate(LINES) if line.startswith("to = ")), "0x" + "f" * 9000)]
)
def test_nothing_but_a_scenario_or_an_error_comes_of_a_file(
    edits: list[tuple[int, str | None]],
) -> None:
    lines = list(LINES)
    for place, value in edits:
        lines[place] = "" if value is None else f"{lines[place].split('=')[0]}= {value}"
    message = refused("\n".join(lines))
    assert message is None or message.startswith("my.toml: ")
    assert message is None or len(message) < 600


def refused(text: str) -> str | None:
    try:
        assert isinstance(parse(text, source="my.toml"), Scenario)
    except ScenarioError as error:
        return str(error)
    return None


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(ScenarioError):
        parse(text, source="my.toml")


OF_ALL = '\naccount = "a"\nkind = "fixed-window"\nwindow = 9\nvalues = [1]'
LIMITS = (
    LEAST.replace("servers = 1", "servers = 3")
    + """
[size]
median = 500
sigma = 0.7
[[limits]]
servers = [0, 2]
kind = "token-bucket"
window = 60
uniform = [1000, 9000]
unit = "tokens"
[[limits]]
servers = [0, 1]
account = "a"
kind = "fixed-window"
window = 1
values = [5]
"""
)


def test_several_limits_are_read() -> None:
    scenario = parse(LIMITS, source="x")
    tokens, account = scenario.limits
    assert scenario.size == Size(500.0, 0.7)
    assert tokens == Limit(
        *("token-bucket", 60.0, PerServer((1000.0,) * 2, (9000.0,) * 2)),
        burst=None,
        servers=(0, 2),
        unit="tokens",
    )
    assert account.admissions == PerServer((5.0,), (5.0,))
    assert account.groups(3) == ((0, 1),)
    assert tokens.groups(3) == ((0,), (2,))
    assert "1000 to 9000 tokens per 60 s on 0 2" in scenario.parameters
    assert "shared as a" in scenario.parameters


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[size]", "[limit]\n[size]", r"^x: limit: expected .*write it as one of \[\[limits"),
        ("[size]\nmedian = 500\nsigma = 0.7", "", r"limits\[0\]\.unit: expected a table \[size"),
        ('"tokens"', '"bytes"', r'limits\[0\]\.unit: expected one of "requests", "tokens"'),
        ("[0, 2]", "[0, 3]", r"limits\[0\]\.servers: expected a list of different servers"),
        ("[5]", "[5, 5]", r"limits\[1\]\.values: expected a list of 1 numbers"),
        ('"a"', '"a b"', r"limits\[1\]\.account: expected letters"),
        ("window = 1\n", "window = 1\nwidth = 2\n", r"limits\[1\]\.width: unknown key"),
        ("median = 500", "median = 0", r"size\.median: expected a number from 1"),
        (
            "values = [5]",
            "values = [5]\n[[limits]]" + OF_ALL,
            r"limits\[2\]\.servers: expected the same servers in all limits of the account a",
        ),
    ],
)
def test_wrong_limits_are_refused(old: str, new: str, message: str) -> None:
    assert old in LIMITS
    with pytest.raises(ScenarioError, match=message):
        parse(LIMITS.replace(old, new), source="x")
