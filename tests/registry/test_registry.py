"""Strategies by name: what is accepted, how it is shown, and what a refusal says."""

import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from flaky_load_balancer.registry import (
    BrokenRule,
    UnknownStrategyError,
    built_in,
    canonical,
    chosen,
    describe,
    load,
    parse,
    strangers,
)
from strategies import CONTEXTUAL, GAME, STRATEGIES
from strategies.v1_intuition import Intuition
from strategies.v4_thompson import Thompson
from strategies.v6_thompson_masked import ThompsonMasked

CHEAPEST = """
    from dataclasses import dataclass
    from typing import Literal
    import numpy as np
    from flaky_load_balancer.core.strategy import Strategy, best

    @dataclass
    class Cheapest(Strategy):
        memory: int = 3
        eager: bool = False
        limit: float | None = None
        Label: str = "None"
        side: Literal["left", "right"] = "left"

        def reset(self, rules, replications, rng):
            self.rng = rng

        def select(self, context):
            return best(context, self.rng.random(context.tried.shape))

        def observe(self, feedback):
            pass

    @dataclass
    class Sloppy(Cheapest):
        def select(self, context):
            return best(context, np.random.random(context.tried.shape))

    @dataclass
    class Demanding(Cheapest):
        memory: int

        def __init__(self, memory):
            raise RuntimeError("not today")

    @dataclass
    class Half(Strategy):
        def reset(self, rules, replications, rng):
            pass

    class NotOne:
        pass
    """


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A module of somebody's own in the working folder."""
    (tmp_path / "flb_shop.py").write_text(dedent(CHEAPEST))
    monkeypatch.chdir(tmp_path)
    path, modules = list(sys.path), set(sys.modules)
    yield "flb_shop"
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.startswith("flb_"):
            del sys.modules[name]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_name_makes_its_strategy(name: str) -> None:
    assert parse(name) == STRATEGIES[name]()
    assert load(name.upper()) == STRATEGIES[name]()
    assert canonical(name) == name


def test_the_contract_names_what_there_is() -> None:
    eight = {f"v{number}" for number in range(1, 9)}
    assert STRATEGIES.keys() >= eight | {"random", "round-robin", "p2c-ewma", "outlier"}


def test_parameters_are_read_by_the_types_of_the_fields() -> None:
    assert parse("v6:cooldown=0.5,fallback=untried") == ThompsonMasked(0.5, "untried")
    made = parse("v1:explore_requests=10, a=2")
    assert made == Intuition(explore_requests=10, a=2.0)
    assert isinstance(made, Intuition)
    assert type(made.explore_requests) is int
    assert type(made.a) is float


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("V6", "v6"),
        ("v6:", "v6"),
        ("V6:Cooldown=0.50", "v6:cooldown=0.5"),
        ("v6:cooldown=1", "v6"),
        ("v6:cooldown=1.0,fallback=published", "v6"),
        ("v6:b=2,FALLBACK=Untried,cooldown=.25", "v6:cooldown=0.25,fallback=untried,b=2"),
        ("v4:a=1e3", "v4:a=1000"),
        ("v1:explore_requests=7", "v1:explore_requests=7"),
    ],
)
def test_canonical_specs(spec: str, expected: str) -> None:
    assert canonical(spec) == expected
    assert canonical(expected) == expected
    assert parse(expected) == parse(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("v66", "'v66' is unknown; did you mean v6? There are v1, v2, "),
        ("", "'' is unknown; There are v1, v2, "),
        ("quantum", "and module:Class for one of your own"),
        ("quantum:depth=3", "'quantum' is unknown"),
        ("v6:cooldwn=1", "did you mean cooldown? There are cooldown, fallback, a, b"),
        ("random:seed=1", "parameter 'seed' is unknown; There are none"),
        ("v6:cooldown", "parameter 'cooldown' is not of the form name=value"),
        ("v6:cooldown=soon", "cooldown must be a number, not 'soon'"),
        ("v6:cooldown=-1", "v6: cooldown must be a number at least 0, not -1.0"),
        ("v6:cooldown=nan", "v6: cooldown must be a number at least 0, not nan"),
        ("v6:fallback=tried", "v6: fallback must be published or untried, not 'tried'"),
        ("v7:memory=2.5", "memory must be a whole number, not '2.5'"),
        ("v4:a=1,a=2", "parameter 'a=2' is given twice"),
        ("v4:a=1,", "parameter '' is not of the form name=value"),
        ("flb_nowhere:Thing", "flb_nowhere cannot be imported: ModuleNotFoundError"),
        ("strategies.v4_thompson:Thomson", "did you mean Thompson? Its strategies are: Thompson"),
    ],
)
def test_refusals_say_what_there_is(spec: str, words: str) -> None:
    for refuse in (parse, load, canonical):
        with pytest.raises(UnknownStrategyError) as refused:
            refuse(spec)
        assert words in str(refused.value)
        assert "\n" not in str(refused.value)


def test_a_class_of_ones_own_is_found_in_the_working_folder(shop: str) -> None:
    made = load(f"{shop}:Cheapest:memory=7")
    assert repr(made) == ("Cheapest(memory=7, eager=False, limit=None, Label='None', side='left')")
    assert canonical(f"{shop}:Cheapest") == f"{shop}:Cheapest"


def test_every_plain_type_can_be_given(shop: str) -> None:
    spec = f"{shop}:Cheapest:eager=True,limit=2.5,Label=No,side=right"
    made = parse(spec)
    assert vars(made) == {"memory": 3, "eager": True, "limit": 2.5, "Label": "No", "side": "right"}
    assert canonical(spec) == f"{shop}:Cheapest:eager=true,limit=2.5,Label=No,side=right"
    assert parse(canonical(spec)) == made
    assert canonical(f"{shop}:Cheapest:limit=none") == f"{shop}:Cheapest"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("eager=maybe", "eager must be true or false, not 'maybe'"),
        ("side=up", "side must be left or right, not 'up'"),
        ("limit=x", "limit must be a number, not 'x'"),
    ],
)
def test_values_of_the_wrong_type_are_refused(shop: str, asked: str, words: str) -> None:
    with pytest.raises(UnknownStrategyError, match=words):
        parse(f"{shop}:Cheapest:{asked}")


def test_a_stranger_that_breaks_a_rule_is_told_which(shop: str) -> None:
    assert parse(f"{shop}:Sloppy")
    with pytest.raises(BrokenRule) as broke:
        load(f"{shop}:Sloppy")
    assert broke.value.name == "chance comes only from rng"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("NotOne", "is no class derived from flaky_load_balancer.core.strategy.Strategy"),
        ("Half", "does not define observe, select"),
        ("np", "is no class derived from"),
    ],
)
def test_what_is_no_strategy_breaks_the_first_rule(shop: str, name: str, words: str) -> None:
    for refuse in (parse, load, canonical):
        with pytest.raises(BrokenRule, match=words) as broke:
            refuse(f"{shop}:{name}")
        assert broke.value.name == "it is a strategy"


def test_who_ends_the_program_is_refused_like_any_other(shop: str) -> None:
    body = Path(f"{shop}.py").read_text() + (
        "\n\n@dataclass\nclass Quitter(Cheapest):\n    def __post_init__(self) -> None:\n"
        "        raise SystemExit('enough')\n"
    )
    Path("flb_quits.py").write_text(body)
    with pytest.raises(UnknownStrategyError, match="flb_quits:Quitter: enough"):
        load("flb_quits:Quitter")


def test_what_its_constructor_raises_is_passed_on(shop: str) -> None:
    with pytest.raises(UnknownStrategyError, match="flb_shop:Demanding: not today"):
        load(f"{shop}:Demanding:memory=1")
    with pytest.raises(UnknownStrategyError, match="missing 1 required positional argument"):
        load(f"{shop}:Demanding")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import nothing_like_this", "ModuleNotFoundError: No module named 'nothing_like_this'"),
        ("def", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
    ],
)
def test_a_module_that_does_not_import_is_refused_with_the_reason(
    shop: str, text: str, words: str
) -> None:
    Path("flb_sick.py").write_text(text)
    with pytest.raises(UnknownStrategyError, match=words):
        load("flb_sick:Thing")


@pytest.fixture
def offers(shop: str, monkeypatch: pytest.MonkeyPatch) -> None:
    points = {
        name: EntryPoint(name, value, strangers.GROUP)
        for name, value in {
            "cheapest": f"{shop}:Cheapest",
            "gone": "flb_gone:It",
            "v4": "a:b",
        }.items()
    }
    monkeypatch.syspath_prepend(".")
    monkeypatch.setattr("flaky_load_balancer.registry.offered", lambda: points)


@pytest.mark.usefixtures("offers")
def test_installed_packages_may_offer_strategies() -> None:
    assert canonical("Cheapest:memory=4,Label=X") == "cheapest:memory=4,Label=X"
    assert type(load("cheapest")).__name__ == "Cheapest"
    with pytest.raises(UnknownStrategyError, match="did you mean cheapest"):
        parse("cheapes")


@pytest.mark.usefixtures("offers")
def test_an_offer_that_cannot_be_imported_hides_no_other() -> None:
    with pytest.raises(UnknownStrategyError, match=r"flb_gone:It.* cannot be imported"):
        parse("gone")
    assert parse("v4") == Thompson()
    rows = {row["name"]: row for row in describe()}
    assert "cannot be imported" in rows["gone"]["summary"]
    assert rows["cheapest"]["parameters"]["memory"] == 3


def test_the_group_of_entry_points_is_read() -> None:
    assert isinstance(strangers.offered(), dict)


def test_built_in_imports_nothing_of_others() -> None:
    assert built_in("V4:a=2") == Thompson(a=2)
    with pytest.raises(UnknownStrategyError, match="'os' is unknown"):
        built_in("os:path")


def test_all_stands_for_every_one_and_nothing_comes_twice() -> None:
    every = [name for name in GAME if name != "oracle"]
    assert chosen(["ALL"]) == every
    assert chosen(["v6:cooldown=1.0", "v6", "all"])[:2] == ["v6", "v1"]
    assert sorted(chosen(["v6", "all"])) == sorted(every)
    assert chosen(["all"], contexts=True) == [*every, *CONTEXTUAL]
    assert chosen(["v6:cooldown=2", "v6"]) == ["v6:cooldown=2", "v6"]


def test_the_oracle_is_in_all_only_if_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(STRATEGIES, "oracle", Thompson)
    monkeypatch.setitem(GAME, "oracle", Thompson)
    assert "oracle" not in chosen(["all"])
    assert "oracle" in chosen(["all"], oracle=True)


def test_strangers_are_checked_when_they_are_chosen(shop: str) -> None:
    assert chosen([f"{shop}:Cheapest"]) == [f"{shop}:Cheapest"]
    with pytest.raises(BrokenRule):
        chosen(["v4", f"{shop}:Sloppy"])


def test_the_description() -> None:
    rows = {row["name"]: row for row in describe()}
    assert rows.keys() >= STRATEGIES.keys()
    assert rows["v6"] == {
        "name": "v6",
        "summary": "V6, Thompson masked: V4 plus a cooldown.",
        "parameters": {"cooldown": 1.0, "fallback": "published", "a": 1.0, "b": 1.0},
        "source": rows["v6"]["source"],
    }
    for row in rows.values():
        assert row["summary"].endswith(".")
        assert row["source"]
