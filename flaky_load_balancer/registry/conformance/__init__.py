"""What every strategy must do, whatever else it does: rules with names, as a library.

    check(lambda: MyStrategy(memory=10))            # every rule, in under half a second
    check(MyStrategy, "moves are legal")            # one of them

``check`` raises ``BrokenRule`` with the name of the first rule that does not hold and what
happened.  Use it in the tests of a strategy of your own; the command line uses it before it lets
one play.  After scikit-learn's ``check_estimator`` and dm_env's ``test_utils``.
"""

from flaky_load_balancer.core.errors import UserError, located
from flaky_load_balancer.registry.conformance.judge import Unexpected
from flaky_load_balancer.registry.conformance.promises import RULES, Make


class BrokenRule(UserError, ValueError):  # noqa: N818 - it is the rule that is broken, not the program
    """A strategy does not keep one of the rules."""

    def __init__(self, name: str, happened: str) -> None:
        super().__init__(f"breaks the rule {name!r}: {happened}")
        self.name, self.happened = name, happened


def check(make: Make, *names: str) -> None:
    """Raise ``BrokenRule`` unless the strategies that ``make`` makes keep these rules, or all."""
    for name in names or RULES:
        try:
            RULES[name](make)
        except Unexpected as error:
            raise BrokenRule(name, str(error)) from None
        except (Exception, SystemExit) as error:
            raise BrokenRule(name, located(error)) from error
