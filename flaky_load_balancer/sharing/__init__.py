"""What is learnt, kept over a restart and shared between processes and machines."""

from flaky_load_balancer.sharing.exchange import Exchange
from flaky_load_balancer.sharing.keeping import Keeper
from flaky_load_balancer.sharing.shared import Shared, require_driver
from flaky_load_balancer.sharing.snapshots import Snapshots
from flaky_load_balancer.sharing.transport import Nobody, Transport

__all__ = ["Exchange", "Keeper", "Nobody", "Shared", "Snapshots", "Transport", "require_driver"]
