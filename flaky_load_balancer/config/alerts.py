"""The table ``[alerts]``: when somebody is told how routes learn, and where."""

from collections.abc import Sequence
from dataclasses import fields

from flaky_load_balancer.config.settings import Alerts, Thresholds
from flaky_load_balancer.config.table import Table
from flaky_load_balancer.config.values import webhook_url

HIGHEST = {"exploration": 1.0, "width": 1.0}
MOST = 1e9  # of the others
DAY = 86_400.0


def alerts(table: Table, names: Sequence[str]) -> Alerts:
    """What it says, of routes with these names."""
    usual = Alerts()
    webhook = table.text("webhook")
    if webhook is not None:
        webhook_url(webhook, f"{table.file}: {table.dotted('webhook')}")
    lasting = table.number("lasting", usual.lasting, 0.0, DAY)
    thresholds = _thresholds(table, usual.thresholds)
    own = table.optional("routes")
    for name in own.names:
        if name not in names:
            raise own.wrong(name, f"the name of a route: one of {', '.join(names)}")
    each = {name: own.within(name, own.value(name)) for name in own.names}
    routes = {name: _thresholds(values, thresholds) for name, values in each.items()}
    for used in (*each.values(), own, table):
        used.finish()
    return Alerts(webhook, lasting, thresholds, routes)


def _thresholds(table: Table, usual: Thresholds) -> Thresholds:
    """Those of a table; ``false`` takes one away that is usual."""
    found = {}
    for name in (field.name for field in fields(Thresholds)):
        found[name] = getattr(usual, name)
        if (value := table.value(name)) is not None:
            most = HIGHEST.get(name, MOST)
            found[name] = None if value is False else table.number(name, 0.0, 0.0, most)
    return Thresholds(**found)
