"""What is learnt, kept over a restart and shared between processes and machines."""

from flaky_load_balancer.sharing.keeping import Keeper
from flaky_load_balancer.sharing.snapshots import Snapshots

__all__ = ["Keeper", "Snapshots"]
